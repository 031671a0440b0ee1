static int32_t fe_loudest(const fe_state *state, int32_t start) {
    fe_reader reader = fe_begin(state, start);
    int32_t bits = 1;
    for (int32_t n = 0; n < FE_WINDOW; n++) {
        const int32_t x = fe_read(state, &reader);
        bits |= x ^ (x >> 31);
    }
    return bits;
}

/* Window the frame into the cells, two real samples a point, times gain and 2^up; returns the bits set in any. */
static int32_t fe_window_frame(fe_state *state, int32_t start, int32_t gain, int32_t up) {
    fe_reader reader = fe_begin(state, start);
    uint32_t place = 0;
    int32_t bits = 0;
    for (int32_t n = 0; n < FE_N_FFT; n += 2) {
        fe_complex pair = {0, 0};
        if (n < FE_WINDOW) {
            pair.re = fe_weighted(fe_wide(fe_read(state, &reader) * gain, fe_window_at(n)), up);
        }
        if (n + 1 < FE_WINDOW) {
            pair.im = fe_weighted(fe_wide(fe_read(state, &reader) * gain, fe_window_at(n + 1)), up);
        }
        bits |= (pair.re ^ (pair.re >> 31)) | (pair.im ^ (pair.im >> 31));
        state->cells[place].z.re = pair.re;
        state->cells[place].z.im = pair.im;
        place = fe_next_reversed(place);
    }
    return bits;
}

/* Window the frame that begins at `start` into the cells; 2^28 / (result) is full scale. A frame whose loud samples lie
 * under the ends of the window is windowed again, more loudly. */
static float fe_load(fe_state *state, int32_t start) {
    const int32_t gain = fe_gain(fe_loudest(state, start) + 1) * 16384;
    int32_t room = fe_room(fe_window_frame(state, start, gain, 0));
    if (room > 2) {
        (void)fe_window_frame(state, start, gain, room);
    } else {
        room = 0;
    }
    return 16384.0f / ((float)gain * (float)(1 << room));
}

