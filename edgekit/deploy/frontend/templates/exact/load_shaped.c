$sample
/* Power of two by which the frame's samples are multiplied so that their rounding is small beside the loudest. */
static int32_t fe_gain(const fe_state *state, int32_t start) {
    int32_t loudest = 1;
    for (int32_t n = 0; n < FE_WINDOW; n++) {
        const int32_t magnitude = fe_loudness(state, start + n);
        loudest = magnitude > loudest ? magnitude : loudest;
    }
    int32_t gain = 1;
    while (loudest * gain * 2 <= 32768) {
        gain *= 2;
    }
    return gain;
}

$mean/* Window the frame that begins at `start` into the cells, two real samples a point; 2^45 / (result) is full scale. */
static float fe_load(fe_state *state, int32_t start) {
    const int32_t gain = fe_gain(state, start);
$mean_lines    int32_t before = fe_sample(state, start, gain)$minus_mean;
    int64_t pair[2];
    uint32_t place = 0;
    for (int32_t n = 0; n < FE_N_FFT; n += 2) {
        for (int32_t k = 0; k < 2; k++) {
            pair[k] = 0;
            if (n + k < FE_WINDOW) {
                const int32_t now = fe_sample(state, start + n + k, gain)$minus_mean;
                const int32_t weight = fe_window_at(n + k);
                pair[k] = ((int64_t)fe_shape(now, before) * weight + 8192) >> 14;
$rest_line                before = now;
            }
        }
        state->cells[place].z.re = pair[0];
        state->cells[place].z.im = pair[1];
        place = fe_next_reversed(place);
    }
    return 1.0f / (float)gain;
}

