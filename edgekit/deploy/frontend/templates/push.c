/* Samples of the clip that frame `t` needs. */
static int32_t fe_due(int32_t t) {
    const int32_t start = FE_FIRST + t * FE_HOP;
    int32_t last = start + FE_WINDOW - 1;
$reflected    last = last < 0 ? 0 : last;
    last = last < FE_SIGNAL ? last : FE_SIGNAL - 1;
    return last + 1 + (FE_CLIP - FE_SIGNAL);
}

void ${name}_frontend_init(${name}_frontend_state *state) {
    state->count = 0;
    state->frame = 0;
}

size_t ${name}_frontend_push(${name}_frontend_state *state, const int16_t *pcm, size_t n, $ctype *features,
                             int *ready) {
    size_t taken = 0;
    *ready = 0;
    while (taken < n) {
        const int32_t until = state->frame < FE_FRAMES ? fe_due(state->frame) : FE_CLIP;
        taken += fe_keep(state, pcm + taken, n - taken, until);
        while (state->frame < FE_FRAMES && fe_due(state->frame) <= state->count) {
            const float gain = fe_load(state, FE_FIRST + state->frame * FE_HOP);
            fe_transform(state->cells);
            $power_call
            $finish_call
            state->frame++;
        }
        if (state->count == FE_CLIP) {
            ${name}_frontend_init(state);
            *ready = 1;
            break;
        }
    }
    return taken;
}
