/* Sample `i` of the clip, which the ring still holds. */
static inline int32_t fe_raw(const fe_state *state, int32_t i) {
    return state->ring[(uint32_t)i % FE_CAPACITY];
}

