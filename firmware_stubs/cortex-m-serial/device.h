/* The model with its input and latest scores: what both the frames and the text commands work on. */
#ifndef EDGEKIT_DEVICE_H
#define EDGEKIT_DEVICE_H

#include <stdint.h>

#include "model_config.h"

enum { DEVICE_BAD_LENGTH = -100, DEVICE_NO_FRONTEND = -102 };

extern int8_t device_input[EDGEKIT_MODEL_INPUT_SIZE];
extern int8_t device_scores[EDGEKIT_MODEL_OUTPUT_SIZE];

/* Returns 0 or an error code. */
int device_start(void);

/* One inference on device_input, which stays as it is. Returns 0 or an error code; ticks of the model alone. */
int device_run(uint32_t *ticks);

/* Takes samples of a clip through the front-end. Returns 1 at the clip's end, 0 before, or an error code below 0;
 * `ticks` grows by what these samples took. */
int device_push(const int16_t *pcm, uint32_t samples, uint32_t *ticks);

/* Index of the best of device_scores. */
int32_t device_label(void);

#endif
