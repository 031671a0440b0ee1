
void ${name}_detector_gain(${name}_detector *state, int16_t *pcm, size_t n) {
  int32_t peak = 0;
  for (size_t i = 0; i < n; ++i) {
    const int32_t sample = pcm[i];
    const int32_t size = sample < 0 ? -sample : sample;
    /* rounded down for either sign: the offset makes the product positive before it is shifted */
    const uint32_t product = (uint32_t)(sample * state->gain + (INT32_C(1) << 30));
    const int32_t made = (int32_t)(product >> 8) - (INT32_C(1) << 22);
    pcm[i] = (int16_t)(made > 32767 ? 32767 : (made < -32768 ? -32768 : made));
    peak = size > peak ? size : peak;
  }
  if (peak > 0) {
    const int32_t fits = $peak / peak;
    const int32_t wanted = fits < $most ? fits : $most;
    const int32_t step = wanted - state->gain;
    if (step > 0) {
      state->gain += (step + $rise_less) >> $rise;
    } else if (step < 0) {
      state->gain -= (-step + $fall_less) >> $fall;
    }
  }
}
