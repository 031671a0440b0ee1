/* Index of the signal that stands at `i`, by reflection on its first and last sample. */
static inline int32_t fe_mirror(int32_t i) {
    if (i < 0) {
        return -i;
    }
    return i < FE_SIGNAL ? i : 2 * (FE_SIGNAL - 1) - i;
}

