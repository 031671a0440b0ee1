$sample
static int32_t fe_loudest(const fe_state *state, int32_t start) {
    int32_t loudest = 1;
    for (int32_t n = 0; n < FE_WINDOW; n++) {
        const int32_t magnitude = fe_loudness(state, start + n);
        loudest = magnitude > loudest ? magnitude : loudest;
    }
    return loudest;
}

$mean/* Window the frame into the cells, two real samples a point, times gain and 2^up; returns the bits set in any. */
static int32_t fe_window_frame(fe_state *state, int32_t start, int32_t gain, int32_t up) {
$mean_lines    int32_t before = fe_sample(state, start, gain)$minus_mean;
    int32_t pair[2];
    uint32_t place = 0;
    int32_t bits = 0;
    for (int32_t n = 0; n < FE_N_FFT; n += 2) {
        for (int32_t k = 0; k < 2; k++) {
            pair[k] = 0;
            if (n + k < FE_WINDOW) {
                const int32_t now = fe_sample(state, start + n + k, gain)$minus_mean;
                const int32_t weight = fe_window_at(n + k);
                int64_t weighted = fe_wide(fe_shape(now, before)$lower, weight);
$rest_line                pair[k] = fe_weighted(weighted, up);
                before = now;
            }
            bits |= pair[k] ^ (pair[k] >> 31);
        }
        state->cells[place].z.re = pair[0];
        state->cells[place].z.im = pair[1];
        place = fe_next_reversed(place);
    }
    return bits;
}

/* Window the frame that begins at `start` into the cells; $full / (result) is full scale. A frame whose loud samples lie
 * under the ends of the window, or that loses much to the filters, is windowed again, more loudly. */
static float fe_load(fe_state *state, int32_t start) {
    const int32_t gain = fe_gain(fe_loudest(state, start));
    int32_t room = fe_room(fe_window_frame(state, start, gain, 0));
    if (room > 2) {
        (void)fe_window_frame(state, start, gain, room);
    } else {
        room = 0;
    }
    return 1.0f / ((float)gain * (float)(1 << room));
}

