/* Power (or magnitude) of the bins $from to $to, from the transform Z of pairs of real samples:
 * 2*X[k] = (Z[k] + conj Z[P-k]) - j*exp(-2*pi*j*k/N) * (Z[k] - conj Z[P-k]), with P = N/2 points; the result is stored
 * in the cells. Still in integers: here loud bins cancel in the mirror of their frequency. */
static void fe_power(fe_cell *cells, float unit) {
    for (uint32_t k = ${from}U; k <= ${to_pair}U; k++) {
        fe_cell *near = cells + k;
        fe_cell *far = cells + (FE_POINTS - k);
        const fe_factor w = {fe_cosine[k], fe_cosine[FE_QUARTER - k]};
        const int64_t even_re = near->z.re + far->z.re;
        const int64_t even_im = near->z.im - far->z.im;
        const int64_t odd_re = near->z.re - far->z.re;
        const int64_t odd_im = near->z.im + far->z.im;
        const int64_t turned_re = fe_dot(odd_re, w.re, odd_im, w.im);
        const int64_t turned_im = fe_dot(odd_im, w.re, odd_re, -w.im);
        near->power = $magnitude(even_re + turned_im, even_im - turned_re, unit);
$mirror_line    }
}

