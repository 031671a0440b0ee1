/* v * unit, where unit is a power of two; the error is that of one rounding to float. */
static inline float fe_to_float(int64_t v, float unit) {
    const uint32_t low = (uint32_t)v;
    const int32_t high = (int32_t)(v >> 32) + (int32_t)(low >> 31);
    return ((float)high * 4294967296.0f + (float)(int32_t)low) * unit;
}

