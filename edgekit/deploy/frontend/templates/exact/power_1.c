/* v * unit, where unit is a power of two; the error is that of one rounding to float. */
static inline float fe_to_float(int64_t v, float unit) {
    const int32_t high = (int32_t)((v + INT64_C(0x80000000)) >> 32);
    const int32_t low = (int32_t)(v - (int64_t)high * INT64_C(0x100000000));
    return ((float)high * 4294967296.0f + (float)low) * unit;
}

static inline float fe_magnitude(int64_t re, int64_t im, float unit) {
    const float x = fe_to_float(re, unit);
    const float y = fe_to_float(im, unit);
    return fe_sqrt(x * x + y * y);
}

