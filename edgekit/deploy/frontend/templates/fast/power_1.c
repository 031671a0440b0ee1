static inline float fe_magnitude(int32_t re, int32_t im, float unit) {
    const float x = (float)re * unit;
    const float y = (float)im * unit;
    return fe_sqrt(x * x + y * y);
}

