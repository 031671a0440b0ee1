/* Window the frame that begins at `start` into the cells, two real samples a point; 2^46 is full scale.
 * Products of a 16-bit sample and a 32-bit weight: nothing is rounded. */
static float fe_load(fe_state *state, int32_t start) {
    fe_reader reader = fe_begin(state, start);
    uint32_t place = 0;
    for (int32_t n = 0; n < FE_N_FFT; n += 2) {
        fe_cell *cell = state->cells + place;
        cell->z.re = n < FE_WINDOW ? (int64_t)fe_read(state, &reader) * fe_window_at(n) : 0;
        cell->z.im = n + 1 < FE_WINDOW ? (int64_t)fe_read(state, &reader) * fe_window_at(n + 1) : 0;
        place = fe_next_reversed(place);
    }
    return 0.5f;
}

