/* FE_CLIP is what a frame needs: its window, and the sample before it where there is pre-emphasis.
 * Numbers of samples begin at FE_BASE, a multiple of the ring that no hop reaches beyond, and go back by it when they
 * have passed twice as far: a stream may go on for ever. */
enum { FE_BASE = FE_CAPACITY * (FE_HOP / FE_CAPACITY + 1) };

void ${name}_frontend_init(${name}_frontend_state *state) {
    memset(state->ring, 0, sizeof state->ring);
    state->frame = 0;
    state->start = FE_BASE;
    state->count = FE_BASE + FE_CLIP - FE_HOP;
}

size_t ${name}_frontend_push(${name}_frontend_state *state, const int16_t *pcm, size_t n, $ctype *features,
                             int *ready) {
    const size_t taken = fe_keep(state, pcm, n, state->start + FE_CLIP);
    *ready = 0;
    if (state->count < state->start + FE_CLIP) {
        return taken;
    }
    const float gain = fe_load(state, state->start);
    fe_transform(state->cells);
    $power_call
    $finish_call
    *ready = 1;
    state->start += FE_HOP;
    if (state->start >= 2 * FE_BASE) {
        state->start -= FE_BASE;
        state->count -= FE_BASE;
    }
    return taken;
}
