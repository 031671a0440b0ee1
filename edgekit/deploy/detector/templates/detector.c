#include "${name}_detector.h"

#include <string.h>

/* round(65535 * exp(-scale * d)): what an output d steps below the largest weighs. */
${exponentials}static const int32_t keywords[$keywords] = {$keyword_list};
static const int32_t thresholds[$keywords] = {$threshold_list};

void ${name}_detector_init(${name}_detector *state) {
  memset(state, 0, sizeof *state);
$begin}

static void add_posteriors(${name}_detector *state, const int8_t *logits) {
$sum_of_weights  int32_t *old = state->ring[state->place];
  for (int32_t k = 0; k < $keywords; ++k) {
    const uint32_t weight = exponentials[largest - logits[keywords[k]]];
    const int32_t share = (int32_t)((weight << 15) / sum);
    state->sums[k] += share - old[k];
    old[k] = share;
  }
  state->place = state->place + 1 < $smoothing ? state->place + 1 : 0;
  if (state->heard < $smoothing) {
    state->heard += 1;
  }
}

static void empty_average(${name}_detector *state) {
  memset(state->ring, 0, sizeof state->ring);
  memset(state->sums, 0, sizeof state->sums);
  state->heard = 0;
}

int32_t ${name}_detector_decide(${name}_detector *state, const int8_t logits[$outputs], int open_gate,
                               int32_t *score) {
  add_posteriors(state, logits);
  if (state->rest > 0) {
    state->rest -= 1;
    return -1;
  }
  if (state->heard < $smoothing || !open_gate) {
    return -1;
  }
  int32_t best = 0;
  int32_t most = INT32_MIN;
  for (int32_t k = 0; k < $keywords; ++k) {
    const int32_t over = state->sums[k] - thresholds[k] * $smoothing;
    if (over > most) {
      most = over;
      best = k;
    }
  }
  if (most < 0) {
    return -1;
  }
  if (score != NULL) {
    *score = state->sums[best] / $smoothing;
  }
  empty_average(state);
  state->rest = $refractory;
  return keywords[best];
}
$parts