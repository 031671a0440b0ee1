/* Complex transform by decimation in time: points in bit-reversed order before and in order after. A first pass makes
 * transforms of four points without a product; each pass after it joins four transforms and quarters the result, so
 * that values stay in 31 bits. The samples were made as loud as fits before: what is rounded lies 180 dB below them. */

typedef struct {
    int32_t re;
    int32_t im;
} fe_complex;

/* x * y in 64 bits. */
static inline int64_t fe_wide(int32_t x, int32_t y) {
#if defined(__ARM_ARCH_6M__)
    /* This core multiplies 32 bits by 32 to 32: four products of halves instead of a library call. */
    const uint32_t x_low = (uint32_t)x & 0xFFFFU;
    const uint32_t y_low = (uint32_t)y & 0xFFFFU;
    const int32_t x_high = x >> 16;
    const int32_t y_high = y >> 16;
    const uint32_t low = x_low * y_low;
    const uint32_t one = (uint32_t)x_high * y_low + (low >> 16);
    const uint32_t two = x_low * (uint32_t)y_high + (one & 0xFFFFU);
    const int32_t high = x_high * y_high + ((int32_t)one >> 16) + ((int32_t)two >> 16);
    return (int64_t)((uint64_t)(uint32_t)high << 32 | (two << 16 | (low & 0xFFFFU)));
#else
    return (int64_t)x * y;
#endif
}

/* Half of z, turned clockwise by the angle of cosine c and sine s (2^31 is one). */
static inline fe_complex fe_turned(fe_complex z, int32_t c, int32_t s) {
    const fe_complex out = {
        (int32_t)((fe_wide(z.re, c) + fe_wide(z.im, s)) >> 32),
        (int32_t)((fe_wide(z.im, c) - fe_wide(z.re, s)) >> 32),
    };
    return out;
}

static inline fe_complex fe_halved(fe_complex z) {
    const fe_complex out = {z.re >> 1, z.im >> 1};
    return out;
}

/* Transforms of four points. */
static void fe_first_pass(fe_cell *cells) {
    for (fe_cell *at = cells; at < cells + FE_POINTS; at += 4) {
        const fe_complex sum = {at[0].z.re + at[1].z.re, at[0].z.im + at[1].z.im};
        const fe_complex difference = {at[0].z.re - at[1].z.re, at[0].z.im - at[1].z.im};
        const fe_complex odd = {at[2].z.re + at[3].z.re, at[2].z.im + at[3].z.im};
        const fe_complex turned = {at[2].z.im - at[3].z.im, at[3].z.re - at[2].z.re};
        at[0].z.re = sum.re + odd.re;
        at[0].z.im = sum.im + odd.im;
        at[1].z.re = difference.re + turned.re;
        at[1].z.im = difference.im + turned.im;
        at[2].z.re = sum.re - odd.re;
        at[2].z.im = sum.im - odd.im;
        at[3].z.re = difference.re - turned.re;
        at[3].z.im = difference.im - turned.im;
    }
}
/* Cosine and sine of a multiple of the smallest angle, below three quarters of a turn. */
static inline fe_complex fe_angle(uint32_t steps) {
    if (steps < FE_QUARTER) {
        const fe_complex out = {fe_cosine[steps], fe_cosine[FE_QUARTER - steps]};
        return out;
    }
    if (steps < 2U * FE_QUARTER) {
        const fe_complex out = {-fe_cosine[2U * FE_QUARTER - steps], fe_cosine[steps - FE_QUARTER]};
        return out;
    }
    const fe_complex out = {-fe_cosine[steps - 2U * FE_QUARTER], -fe_cosine[3U * FE_QUARTER - steps]};
    return out;
}

/* Quarters of the sums of four points `length` apart; their halves, three of them turned, are given. */
static inline void fe_join(fe_cell *at, uint32_t length, fe_complex a, fe_complex b, fe_complex c, fe_complex d) {
    const fe_complex sum = {(a.re + b.re) >> 1, (a.im + b.im) >> 1};
    const fe_complex difference = {(a.re - b.re) >> 1, (a.im - b.im) >> 1};
    const fe_complex odd = {(c.re + d.re) >> 1, (c.im + d.im) >> 1};
    const fe_complex turned = {(c.im - d.im) >> 1, (d.re - c.re) >> 1};
    at[0].z.re = sum.re + odd.re;
    at[0].z.im = sum.im + odd.im;
    at[length].z.re = difference.re + turned.re;
    at[length].z.im = difference.im + turned.im;
    at[2U * length].z.re = sum.re - odd.re;
    at[2U * length].z.im = sum.im - odd.im;
    at[3U * length].z.re = difference.re - turned.re;
    at[3U * length].z.im = difference.im - turned.im;
}

static inline fe_complex fe_at(const fe_cell *cell) {
    const fe_complex out = {cell->z.re, cell->z.im};
    return out;
}

${layer}/* Join fours of transforms of `length` points into quarters of their transform. */
static void fe_pass(fe_cell *cells, uint32_t length) {
    const uint32_t step = FE_N_FFT / (4U * length);
    for (fe_cell *at = cells; at < cells + FE_POINTS; at += 4U * length) {
        fe_join(at, length, fe_halved(fe_at(at)), fe_halved(fe_at(at + length)), fe_halved(fe_at(at + 2U * length)),
                fe_halved(fe_at(at + 3U * length)));
    }
    for (uint32_t k = 1; k < length; k++) {
        const fe_complex one = fe_angle(k * step);
        const fe_complex two = fe_angle(2U * k * step);
        const fe_complex three = fe_angle(3U * k * step);
        for (fe_cell *at = cells + k; at < cells + FE_POINTS; at += 4U * length) {
            const fe_complex b = fe_turned(fe_at(at + length), two.re, two.im);
            const fe_complex c = fe_turned(fe_at(at + 2U * length), one.re, one.im);
            const fe_complex d = fe_turned(fe_at(at + 3U * length), three.re, three.im);
            fe_join(at, length, fe_halved(fe_at(at)), b, c, d);
        }
    }
}

static void fe_transform(fe_cell *cells) {
    fe_first_pass(cells);
$layer_call    for (uint32_t length = $begin; length < FE_POINTS; length *= 4U) {
        fe_pass(cells, length);
    }
}

