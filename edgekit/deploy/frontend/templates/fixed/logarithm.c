/* Logarithm to base 2 of v > 0, 2^24 is one; straight lines between 64 values an octave, within 5e-5. */
static int32_t fe_log2(uint64_t v) {
    int32_t n = 63;
    for (int32_t step = 32; step > 0; step /= 2) {
        if (v >> (64 - step) == 0) {
            v <<= step;
            n -= step;
        }
    }
    const uint32_t mantissa = (uint32_t)(v >> 32);
    const uint32_t low = fe_log2_table[mantissa >> 25 & 63U];
    const uint32_t high = fe_log2_table[(mantissa >> 25 & 63U) + 1U];
    return n * (1 << 24) + (int32_t)(low + ((high - low) * (mantissa >> 12 & 0x1FFFU) >> 13));
}

/* Logarithm of a mel energy that was made 2^raise as large, with its floor. */
static int32_t fe_level(uint64_t mel, int32_t raise) {
    int32_t shift = $floor_exponent + raise; /* of the floor's mantissa, in the unit of `mel` */
    int32_t down = 0;
    if (shift > 32) {
        down = shift - 32;
        mel = down > 63 ? 0 : mel >> down;
        shift = 32;
    }
    const uint64_t mantissa = ${floor_mantissa}U;
    const uint64_t least = shift >= 0 ? mantissa << shift : (shift > -64 ? mantissa >> -shift : 0);
    const uint64_t v = $floored;
    return fe_log2(v == 0 ? 1 : v) + (down + $exponent - raise) * (1 << 24);
}

