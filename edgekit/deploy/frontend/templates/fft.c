/* Complex transform: radix 4, decimation in time, points in bit-reversed order before and in order after. */

typedef struct {
    int64_t re;
    int64_t im;
} fe_complex;

typedef struct {
    int32_t re;
    int32_t im;
} fe_factor; /* 2^30 is one */

/* exp(-2*pi*j * i / N_FFT) for 0 <= i < 3/4 * N_FFT, from a quarter wave of the cosine. */
static inline fe_factor fe_turn(uint32_t i) {
    const uint32_t r = i % FE_QUARTER;
    const int32_t c = fe_cosine[r];
    const int32_t s = fe_cosine[FE_QUARTER - r];
    fe_factor w;
    switch (i / FE_QUARTER) {
        case 0:
            w.re = c;
            w.im = -s;
            break;
        case 1:
            w.re = -s;
            w.im = -c;
            break;
        default:
            w.re = -c;
            w.im = s;
            break;
    }
    return w;
}

/* (a*p + b*q) / 2^30, rounded down; |a| and |b| below 2^61, |p| and |q| up to 2^30. */
static inline int64_t fe_dot(int64_t a, int32_t p, int64_t b, int32_t q) {
    const int32_t a_low = (int32_t)((uint32_t)a >> 1);
    const int32_t b_low = (int32_t)((uint32_t)b >> 1);
    const int64_t high = (int64_t)(int32_t)(a >> 32) * p + (int64_t)(int32_t)(b >> 32) * q;
    const int64_t low = (int64_t)a_low * p + (int64_t)b_low * q;
    return high * 4 + (low >> 29);
}

static inline fe_complex fe_times(const fe_cell *cell, fe_factor w) {
    fe_complex out;
    out.re = fe_dot(cell->z.re, w.re, cell->z.im, -w.im);
    out.im = fe_dot(cell->z.re, w.im, cell->z.im, w.re);
    return out;
}

static inline fe_complex fe_value(const fe_cell *cell) {
    fe_complex out;
    out.re = cell->z.re;
    out.im = cell->z.im;
    return out;
}

/* Four-point transform; a, b, c, d are the terms of residue 0, 1, 2, 3, turned already. */
static inline void fe_butterfly(fe_cell *cell, uint32_t length, fe_complex b, fe_complex c, fe_complex d) {
    const fe_complex a = fe_value(cell);
    const fe_complex even = {a.re + c.re, a.im + c.im};
    const fe_complex odd = {a.re - c.re, a.im - c.im};
    const fe_complex sum = {b.re + d.re, b.im + d.im};
    const fe_complex turned = {b.im - d.im, d.re - b.re}; /* -j * (b - d) */
    cell[0].z.re = even.re + sum.re;
    cell[0].z.im = even.im + sum.im;
    cell[length].z.re = odd.re + turned.re;
    cell[length].z.im = odd.im + turned.im;
    cell[2U * length].z.re = even.re - sum.re;
    cell[2U * length].z.im = even.im - sum.im;
    cell[3U * length].z.re = odd.re - turned.re;
    cell[3U * length].z.im = odd.im - turned.im;
}

/* Join groups of four transforms of `length` points. In bit-reversed order the middle two stand exchanged. */
static void fe_stage(fe_cell *cells, uint32_t length) {
    const uint32_t step = FE_N_FFT / (4U * length);
    for (uint32_t i = 0; i < FE_POINTS; i += 4U * length) {
        fe_cell *at = cells + i;
        fe_butterfly(at, length, fe_value(at + 2U * length), fe_value(at + length), fe_value(at + 3U * length));
    }
    for (uint32_t k = 1; k < length; k++) {
        const fe_factor w1 = fe_turn(k * step);
        const fe_factor w2 = fe_turn(2U * k * step);
        const fe_factor w3 = fe_turn(3U * k * step);
        for (uint32_t i = k; i < FE_POINTS; i += 4U * length) {
            fe_cell *at = cells + i;
            fe_butterfly(at, length, fe_times(at + 2U * length, w1), fe_times(at + length, w2),
                         fe_times(at + 3U * length, w3));
        }
    }
}

