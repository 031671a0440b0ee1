/* Pre-emphasis inside the frame: now - c*before, as (now - before) + (1 - c)*before. */
static inline int32_t fe_shape(int32_t now, int32_t before) {
    return (now - before) + (int32_t)(((int64_t)before * FE_REMAINDER + (1 << 30)) >> 31);
}

