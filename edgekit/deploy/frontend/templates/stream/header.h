/* Audio front-end "$name" of a stream: 16-bit PCM in, a frame a hop out. Written by edgekit; do not edit.
 *
 * $summary
 * Front-end digest: $digest
 */
#ifndef ${NAME}_FRONTEND_H
#define ${NAME}_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#define ${NAME}_FRONTEND_DIGEST "$digest"
#define ${NAME}_FRONTEND_SAMPLE_RATE ${sample_rate}
#define ${NAME}_FRONTEND_HOP_SAMPLES ${hop_length}
#define ${NAME}_FRONTEND_SIZE ${size}
$quantization
#ifdef __cplusplus
extern "C" {
#endif

/* One point of the transform; holds the point's power (or magnitude) once the transform is done. */
typedef union {
    struct {
        $cell_type re;
        $cell_type im;
    } z;
    float power;
} ${name}_frontend_cell;

/* All memory of the front-end; owned by the caller, made ready by ${name}_frontend_init. */
typedef struct {
    ${name}_frontend_cell cells[${points}]; /* transform */
    int16_t ring[${capacity}];              /* the latest samples; sample i is at i % ${capacity} */
    int32_t count;                          /* number of the next sample */
    int32_t frame;                          /* 0: a frame is all of `features` */
    int32_t start;                          /* number of the next frame's first sample */
} ${name}_frontend_state;

/* Begin a stream: what lies before it is silence. */
void ${name}_frontend_init(${name}_frontend_state *state);

/* Take samples up to the end of the next frame, whose window ends with every hop of ${hop_length} samples.
 *
 * Writes a frame of ${size} values into `features` and sets `*ready` to 1 when it took the frame's last sample, otherwise
 * sets it to 0. Any division of a stream into pushes gives the same values; a stream may go on for ever.
 * Returns the number of samples taken. */
size_t ${name}_frontend_push(${name}_frontend_state *state, const int16_t *pcm, size_t n, ${ctype} *features,
                             int *ready);

#ifdef __cplusplus
}
#endif

#endif
