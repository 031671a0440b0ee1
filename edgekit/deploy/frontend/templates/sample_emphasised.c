/* Sample of the pre-emphasised signal times 2^13 * gain: x[i+1] - c*x[i] = (x[i+1] - x[i]) + (1 - c)*x[i], of which
 * only the last product is rounded. */
static inline int32_t fe_sample(const fe_state *state, int32_t i, int32_t gain) {
$locate    const int32_t old = fe_raw(state, i) * gain;
    const int32_t now = fe_raw(state, i + 1) * gain;
    return (now - old) * 8192 + (int32_t)(((int64_t)old * FE_REMAINDER + (1 << 17)) >> 18);
}

static inline int32_t fe_loudness(const fe_state *state, int32_t i) {
$locate    const int32_t old = fe_raw(state, i);
    const int32_t now = fe_raw(state, i + 1);
    const int32_t a = old < 0 ? -old : old;
    const int32_t b = now < 0 ? -now : now;
    return a > b ? a : b;
}

