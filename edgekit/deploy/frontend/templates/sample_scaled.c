/* Sample of the signal times 2^13 * gain. */
static inline int32_t fe_sample(const fe_state *state, int32_t i, int32_t gain) {
$locate    return fe_raw(state, i) * gain * 8192;
}

static inline int32_t fe_loudness(const fe_state *state, int32_t i) {
$locate    const int32_t x = fe_raw(state, i);
    return x < 0 ? -x : x;
}

