/* (a*p + b*q) / 2^32, rounded down; p and q from 0 to 2^31, (p, q) in the circle of radius 2^31. */
static inline int64_t fe_dot_sum(int64_t a, uint32_t p, int64_t b, uint32_t q) {
#if defined(__thumb2__)
    /* Compilers keep words of 64-bit sums in memory that five instructions do without. */
    int64_t out;
    uint32_t lowest;
    __asm__("umull %[lowest], %Q[out], %Q[a], %[p]\n\t"
            "umlal %[lowest], %Q[out], %Q[b], %[q]\n\t"
            "mov %R[out], #0\n\t"
            "smlal %Q[out], %R[out], %R[a], %[p]\n\t"
            "smlal %Q[out], %R[out], %R[b], %[q]"
            : [out] "=&r"(out), [lowest] "=&r"(lowest)
            : [a] "r"(a), [b] "r"(b), [p] "r"(p), [q] "r"(q));
    return out;
#else
    const uint64_t low = (uint64_t)(uint32_t)a * p + (uint64_t)(uint32_t)b * q;
    return (int64_t)(int32_t)(a >> 32) * (int32_t)p + (int64_t)(int32_t)(b >> 32) * (int32_t)q + (int64_t)(low >> 32);
#endif
}

/* (a*p - b*q) / 2^32, rounded down, likewise. */
static inline int64_t fe_dot_difference(int64_t a, uint32_t p, int64_t b, uint32_t q) {
#if defined(__thumb2__)
    int64_t out;
    uint32_t lowest;
    uint32_t word;
    __asm__("umull %[lowest], %Q[out], %Q[a], %[p]\n\t"
            "umull %[word], %R[out], %Q[b], %[q]\n\t"
            "subs %[lowest], %[lowest], %[word]\n\t"
            "sbcs %Q[out], %Q[out], %R[out]\n\t"
            "sbc %R[out], %R[out], %R[out]\n\t"
            "rsb %[word], %R[b], #0\n\t"
            "smlal %Q[out], %R[out], %R[a], %[p]\n\t"
            "smlal %Q[out], %R[out], %[word], %[q]"
            : [out] "=&r"(out), [lowest] "=&r"(lowest), [word] "=&r"(word)
            : [a] "r"(a), [b] "r"(b), [p] "r"(p), [q] "r"(q)
            : "cc");
    return out;
#else
    const int64_t low = (int64_t)((uint64_t)(uint32_t)a * p) - (int64_t)((uint64_t)(uint32_t)b * q);
    return (int64_t)(int32_t)(a >> 32) * (int32_t)p - (int64_t)(int32_t)(b >> 32) * (int32_t)q + (low >> 32);
#endif
}

