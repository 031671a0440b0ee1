/* Place of the next pair of samples: counts upwards in bit-reversed order. */
static inline uint32_t fe_next_reversed(uint32_t place) {
#if defined(__thumb2__)
    const uint32_t one = 0x80000000U / (FE_POINTS / 2U);
    __asm__("rbit %0, %0\n\tadd %0, %0, %1\n\trbit %0, %0" : "+r"(place) : "r"(one));
    return place;
#else
    uint32_t bit = FE_POINTS / 2U;
    while ((place & bit) != 0U) {
        place ^= bit;
        bit >>= 1;
    }
    return place | bit;
#endif
}

