
int ${name}_detector_hear(${name}_detector *state, const int16_t *pcm, size_t n) {
  int64_t energy = 0;
  for (size_t i = 0; i < n; ++i) {
    energy += (int64_t)pcm[i] * pcm[i];
  }
  energy /= (int64_t)n;
  if (!state->begun) {
    state->floor = energy;
    state->begun = 1;
  }
  if (energy < state->floor) {
    state->floor -= (state->floor - energy + 7) / 8;
  } else {
    const int64_t risen = state->floor + state->floor / 1024 + 1;
    state->floor = risen < energy ? risen : energy;
  }
  if (energy >= $least && energy * 16 > state->floor * $ratio) {
    state->open = $hangover;
  } else if (state->open > 0) {
    state->open -= 1;
  }
  return state->open > 0;
}
