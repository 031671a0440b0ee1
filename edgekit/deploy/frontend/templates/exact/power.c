/* Power (or magnitude) of the bins $from to $to, from the transform Z of pairs of real samples:
 * 2*X[k] = (Z[k] + conj Z[P-k]) - j*exp(-2*pi*j*k/N) * (Z[k] - conj Z[P-k]), with P = N/2 points, of which half is taken;
 * the result is stored in the cells. Still in integers: here loud bins cancel in the mirror of their frequency. */
static void fe_power(fe_cell *cells, float unit) {
    for (uint32_t k = ${from}U; k <= ${to_pair}U; k++) {
        fe_cell *point = cells + k;
        fe_cell *mirror = cells + (FE_POINTS - k);
        const uint32_t c = (uint32_t)fe_cosine[k];
        const uint32_t s = (uint32_t)fe_cosine[FE_QUARTER - k];
        const int64_t even_re = (point->z.re + mirror->z.re) >> 1;
        const int64_t even_im = (point->z.im - mirror->z.im) >> 1;
        const int64_t odd_re = point->z.re - mirror->z.re;
        const int64_t odd_im = point->z.im + mirror->z.im;
        const int64_t turned_re = fe_dot_sum(odd_re, c, odd_im, s);
        const int64_t turned_im = fe_dot_difference(odd_im, c, odd_re, s);
$point_line$mirror_line    }
}

