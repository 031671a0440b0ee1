
/* The same of the first stage's model. */
${exponentials}
int ${name}_detector_first(${name}_detector *state, const int8_t logits[$outputs]) {
$sum_of_weights  const uint32_t weight = first_exponentials[largest - logits[$keyword]];
  const int32_t share = (int32_t)((weight << 15) / sum);
  state->first_sum += share - state->first_ring[state->first_place];
  state->first_ring[state->first_place] = share;
  state->first_place = state->first_place + 1 < $smoothing ? state->first_place + 1 : 0;
  if (state->first_heard < $smoothing) {
    state->first_heard += 1;
  }
  if (state->first_heard == $smoothing && state->first_sum >= $limit) {
    state->first_open = $hold;
  } else if (state->first_open > 0) {
    state->first_open -= 1;
  }
  if (state->first_open > 0) {
    return 1;
  }
  empty_average(state);
  if (state->rest > 0) {
    state->rest -= 1;
  }
  return 0;
}
