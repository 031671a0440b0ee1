/* Place of the next pair of samples: counts upwards in bit-reversed order. */
static inline uint32_t fe_next_reversed(uint32_t place) {
    uint32_t bit = FE_POINTS / 2U;
    while ((place & bit) != 0U) {
        place ^= bit;
        bit >>= 1;
    }
    return place | bit;
}

