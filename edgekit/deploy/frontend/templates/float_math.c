typedef union {
    float value;
    uint32_t bits;
} fe_float;

/* Natural logarithm of a normal positive float, within 1e-7 of max(1, |ln x|): x = m * 2^e with m from 0.707 to 1.414
 * and ln m = 2 * atanh((m - 1) / (m + 1)). */
static float fe_ln(float x) {
    fe_float number;
    number.value = x;
    const int32_t e = (int32_t)((number.bits + 0x004afb0dU) >> 23) - 127;
    number.bits -= (uint32_t)e * 0x00800000U;
    const float f = number.value - 1.0f;
    const float s = f / (2.0f + f);
    const float t = s * s;
    /* 2*s = f - s*f: the leading term f is exact. */
    const float rest = s * (2.0f * t * (0.333333333f + t * (0.2f + t * (0.142857143f + t * 0.111111111f))) - f);
    const float turns = (float)e;
    return turns * 0.693145752f + (f + (rest + turns * 1.42860677e-6f)); /* ln 2 in two parts, the first exact */
}

