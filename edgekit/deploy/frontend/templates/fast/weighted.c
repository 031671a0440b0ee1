/* x * weight / 2^(32 - up), rounded down, where that fits 32 bits; 0 <= up < 32. */
static inline int32_t fe_weighted(int64_t product, int32_t up) {
    const uint32_t high = (uint32_t)((uint64_t)product >> 32);
    const uint32_t low = (uint32_t)product;
    return (int32_t)(high << up | (low >> 1) >> (31 - up));
}

/* How often the values may be doubled and stay within 2^28, from the bits that are set in any of them. */
static int32_t fe_room(int32_t bits) {
    int32_t room = 0;
    while (bits < 1 << 27 && room < 24) {
        bits = bits * 2 + 1;
        room++;
    }
    return room;
}

