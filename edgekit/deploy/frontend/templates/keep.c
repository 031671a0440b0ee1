/* Put samples into the ring until those before number `until` are there; returns how many. */
static size_t fe_keep(fe_state *state, const int16_t *pcm, size_t n, int32_t until) {
    size_t kept = 0;
    while (kept < n && state->count < until) {
        const uint32_t at = (uint32_t)state->count % FE_CAPACITY;
        uint32_t run = (uint32_t)(until - state->count);
        run = run < FE_CAPACITY - at ? run : FE_CAPACITY - at;
        run = run < n - kept ? run : (uint32_t)(n - kept);
        for (uint32_t i = 0; i < run; i++) {
            state->ring[at + i] = pcm[kept + i];
        }
        kept += run;
        state->count += (int32_t)run;
    }
    return kept;
}

