static inline float fe_square(int32_t re, int32_t im, float unit) {
    const float x = (float)re * unit;
    const float y = (float)im * unit;
    return x * x + y * y;
}

