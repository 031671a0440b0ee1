static inline int32_t fe_shape(int32_t now, int32_t before) {
    (void)before;
    return now;
}

