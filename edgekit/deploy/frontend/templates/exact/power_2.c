/* v * unit, where unit is a power of two; the error is that of one rounding to float. */
static inline float fe_to_float(int64_t v, float unit) {
    const uint32_t low = (uint32_t)v;
    const int32_t high = (int32_t)(v >> 32) + (int32_t)(low >> 31);
    return ((float)high * 4294967296.0f + (float)(int32_t)low) * unit;
}

static inline float fe_square(int64_t re, int64_t im, float unit) {
    const float x = fe_to_float(re, unit);
    const float y = fe_to_float(im, unit);
    return x * x + y * y;
}

