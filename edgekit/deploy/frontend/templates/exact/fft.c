/* Complex transform by decimation in time: points in bit-reversed order before and in order after. Two steps of it in
 * one go without a product, then a halving step a layer, so that no value ever grows by more than four. */

typedef struct {
    int64_t re;
    int64_t im;
} fe_complex;

/* Half of the cell, turned clockwise by the angle of cosine c and sine s. */
__attribute__((unused)) static inline fe_complex fe_turned(const fe_cell *cell, uint32_t c, uint32_t s) {
    const fe_complex out = {fe_dot_sum(cell->z.re, c, cell->z.im, s), fe_dot_difference(cell->z.im, c, cell->z.re, s)};
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

/* What joining pairs of transforms of `length` points by the same angles needs. */
typedef struct {
    uint32_t stride; /* bytes between pairs of transforms */
    fe_cell *end;
    uint32_t length; /* bytes of a transform */
    uint32_t half;   /* bytes of half of it */
    const int32_t *cosine;
    const int32_t *sine;
    uint32_t step; /* bytes between the angles' cosines */
    fe_cell *cells;
    uint32_t angles;
} fe_turns;

/* Join the points k and k + length / 2, for k = 1, 2, …, of all pairs of transforms: the two share their angle but for a
 * quarter turn. */
#if defined(__thumb2__)
/* Pointers r0 and r1, cosine r2, sine r3, points r4 to r7, the turned point r8 to r11: compilers keep half of that in
 * memory, in twice the instructions. The stack holds a copy of the structure. */
__attribute__((naked, noinline)) static void fe_join_turned(const fe_turns *turns __attribute__((unused))) {
    __asm__(
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
        "sub sp, sp, #36\n\t"
        "ldm r0, {r0, r1, r2, r3, r4, r5, r6, r7, r8}\n\t"
        "stm sp, {r0, r1, r2, r3, r4, r5, r6, r7, r8}\n\t"
        "1:\n\t"
        "ldrd r4, r5, [sp, #16]\n\t"
        "ldr r6, [sp, #24]\n\t"
        "ldr r2, [r4]\n\t"
        "ldr r3, [r5]\n\t"
        "add r4, r4, r6\n\t"
        "sub r5, r5, r6\n\t"
        "strd r4, r5, [sp, #16]\n\t"
        "ldr r0, [sp, #28]\n\t"
        "ldr r1, [sp, #8]\n\t"
        "add r1, r1, r0\n\t"
        "2:\n\t"
$turn_two_points        "adds ip, r4, r8\n\t"
        "adc lr, r5, r9\n\t"
        "subs r4, r4, r8\n\t"
        "sbc r5, r5, r9\n\t"
        "strd ip, lr, [r0]\n\t"
        "strd r4, r5, [r1]\n\t"
        "adds ip, r6, r10\n\t"
        "adc lr, r7, r11\n\t"
        "subs r6, r6, r10\n\t"
        "sbc r7, r7, r11\n\t"
        "strd ip, lr, [r0, #8]\n\t"
        "strd r6, r7, [r1, #8]\n\t"
        "ldr ip, [sp]\n\t"
        "add r0, r0, ip\n\t"
        "add r1, r1, ip\n\t"
        "ldr ip, [sp, #4]\n\t"
        "cmp r0, ip\n\t"
        "blo 2b\n\t"
        "ldr r0, [sp, #28]\n\t"
        "add r1, r0, #16\n\t"
        "str r1, [sp, #28]\n\t"
        "ldrd r4, r5, [sp, #8]\n\t"
        "add r0, r0, r5\n\t"
        "add r1, r0, r4\n\t"
        "3:\n\t"
$turn_two_points        "adds ip, r4, r10\n\t"
        "adc lr, r5, r11\n\t"
        "subs r4, r4, r10\n\t"
        "sbc r5, r5, r11\n\t"
        "strd ip, lr, [r0]\n\t"
        "strd r4, r5, [r1]\n\t"
        "subs ip, r6, r8\n\t"
        "sbc lr, r7, r9\n\t"
        "adds r6, r6, r8\n\t"
        "adc r7, r7, r9\n\t"
        "strd ip, lr, [r0, #8]\n\t"
        "strd r6, r7, [r1, #8]\n\t"
        "ldr ip, [sp]\n\t"
        "add r0, r0, ip\n\t"
        "add r1, r1, ip\n\t"
        "ldr ip, [sp, #4]\n\t"
        "cmp r0, ip\n\t"
        "blo 3b\n\t"
        "ldr r4, [sp, #32]\n\t"
        "subs r4, r4, #1\n\t"
        "str r4, [sp, #32]\n\t"
        "bne 1b\n\t"
        "add sp, sp, #36\n\t"
        "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t"
    );
}
#else
static void fe_join_turned(const fe_turns *turns) {
    const uint32_t stride = turns->stride / sizeof(fe_cell);
    const uint32_t length = turns->length / sizeof(fe_cell);
    for (uint32_t k = 0; k < turns->angles; k++) {
        const uint32_t c = (uint32_t)turns->cosine[k * (turns->step / sizeof(int32_t))];
        const uint32_t s = (uint32_t)*(turns->sine - k * (turns->step / sizeof(int32_t)));
        for (fe_cell *at = turns->cells + k; at < turns->end; at += stride) {
            fe_cell *other = at + length / 2U;
            fe_join(at, at + length, fe_turned(at + length, c, s));
            fe_join_quarter(other, other + length, fe_turned(other + length, c, s));
        }
    }
}
#endif

/* Join pairs of transforms of `length` points into halves of their transform. */
static void fe_layer(fe_cell *cells, uint32_t length) {
    const uint32_t half = length / 2U;
    const uint32_t step = FE_N_FFT / (2U * length);
    const fe_turns turns = {
        .stride = 2U * length * sizeof(fe_cell),
        .end = cells + FE_POINTS,
        .length = length * sizeof(fe_cell),
        .half = half * sizeof(fe_cell),
        .cosine = fe_cosine + step,
        .sine = fe_cosine + (FE_QUARTER - step),
        .step = step * sizeof(int32_t),
        .cells = cells + 1,
        .angles = half - 1U,
    };
    for (uint32_t i = 0; i < FE_POINTS; i += 2U * length) {
        fe_cell *at = cells + i;
        fe_join(at, at + length, fe_halved(at + length));
        fe_join_quarter(at + half, at + length + half, fe_halved(at + length + half));
    }
    fe_join_turned(&turns);
}

static void fe_transform(fe_cell *cells) {
    fe_first_layers(cells);
    for (uint32_t length = 4; length < FE_POINTS; length *= 2U) {
        fe_layer(cells, length);
    }
}

