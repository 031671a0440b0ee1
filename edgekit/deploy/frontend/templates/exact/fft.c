/* Complex transform by decimation in time: points in bit-reversed order before and in order after. Two steps of it in
 * one go without a product, then a halving step a layer, so that no value ever grows by more than four. */

typedef struct {
    int64_t re;
    int64_t im;
} fe_complex;

/* x * y / 2^32, rounded down: one instruction where the core has SMMUL. */
static inline int32_t fe_high(int32_t x, int32_t y) {
    return (int32_t)(((int64_t)x * y) >> 32);
}

/* (a*p + b*q) / 2^32, short of it by less than 6 units; (p, q) lies in the circle of radius 2^31. */
static inline int64_t fe_dot(int64_t a, int32_t p, int64_t b, int32_t q) {
    const int32_t a_low = (int32_t)((uint32_t)a >> 1);
    const int32_t b_low = (int32_t)((uint32_t)b >> 1);
    const int64_t high = (int64_t)(int32_t)(a >> 32) * p + (int64_t)(int32_t)(b >> 32) * q;
    const int32_t low = fe_high(a_low, p) + fe_high(b_low, q);
    /* 2 * low in 64 bits, put together from its words: compilers make two instructions of it. */
    const uint64_t twice = ((uint64_t)(uint32_t)(low >> 31) << 32) | ((uint32_t)low << 1);
    return (int64_t)((uint64_t)high + twice);
}

/* Half of the cell, turned clockwise by the angle of cosine c and sine s. */
static inline fe_complex fe_turned(const fe_cell *cell, int32_t c, int32_t s) {
    const fe_complex out = {fe_dot(cell->z.re, c, cell->z.im, s), fe_dot(cell->z.im, c, cell->z.re, -s)};
    return out;
}

static inline fe_complex fe_halved(const fe_cell *cell) {
    const fe_complex out = {cell->z.re >> 1, cell->z.im >> 1};
    return out;
}

/* Sum and difference of half of `a` and of t. */
static inline void fe_join(fe_cell *a, fe_cell *b, fe_complex t) {
    const fe_complex u = fe_halved(a);
    a->z.re = u.re + t.re;
    a->z.im = u.im + t.im;
    b->z.re = u.re - t.re;
    b->z.im = u.im - t.im;
}

/* The same with t turned clockwise by a quarter. */
static inline void fe_join_quarter(fe_cell *a, fe_cell *b, fe_complex t) {
    const fe_complex turned = {t.im, -t.re};
    fe_join(a, b, turned);
}

/* Transforms of four points. */
static void fe_first_layers(fe_cell *cells) {
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

/* Join pairs of transforms of `length` points into halves of their transform. The points k and k + length / 2 share
 * their angle but for a quarter turn. */
static void fe_layer(fe_cell *cells, uint32_t length) {
    const uint32_t half = length / 2U;
    const uint32_t step = FE_N_FFT / (2U * length);
    for (uint32_t i = 0; i < FE_POINTS; i += 2U * length) {
        fe_cell *at = cells + i;
        fe_join(at, at + length, fe_halved(at + length));
        fe_join_quarter(at + half, at + length + half, fe_halved(at + length + half));
    }
    for (uint32_t k = 1; k < half; k++) {
        const int32_t c = fe_cosine[k * step];
        const int32_t s = fe_cosine[FE_QUARTER - k * step];
        for (uint32_t i = k; i < FE_POINTS; i += 2U * length) {
            fe_cell *at = cells + i;
            fe_join(at, at + length, fe_turned(at + length, c, s));
            fe_join_quarter(at + half, at + length + half, fe_turned(at + length + half, c, s));
        }
    }
}

static void fe_transform(fe_cell *cells) {
    fe_first_layers(cells);
    for (uint32_t length = 4; length < FE_POINTS; length *= 2U) {
        fe_layer(cells, length);
    }
}

