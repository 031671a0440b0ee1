/* Detector: $about.
 * Words, by the model's output:
$words
 */
#ifndef ${upper}_DETECTOR_H
#define ${upper}_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${upper}_DETECTOR_OUTPUTS $outputs
#define ${upper}_DETECTOR_KEYWORDS $keywords
#define ${upper}_DETECTOR_SMOOTHING $smoothing
#define ${upper}_DETECTOR_REFRACTORY $refractory

typedef struct {
  int32_t ring[$smoothing][$keywords];
  int32_t sums[$keywords];
  int32_t place;
  int32_t heard;
  int32_t rest;
$fields} ${name}_detector;

/* Before the first decision, and to forget everything. */
void ${name}_detector_init(${name}_detector *state);

/* One decision from the model's int8 outputs. Returns the output that was detected, or -1; *score, where not NULL, is
 * its mean probability in 1/32768. With an open_gate of 0 nothing is detected. */
int32_t ${name}_detector_decide(${name}_detector *state, const int8_t logits[$outputs], int open_gate,
                               int32_t *score);
$functions
#ifdef __cplusplus
}
#endif

#endif
