static inline float fe_square(int64_t re, int64_t im, float unit) {
    const float x = fe_to_float(re, unit);
    const float y = fe_to_float(im, unit);
    return x * x + y * y;
}

