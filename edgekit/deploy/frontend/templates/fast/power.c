/* $what of the bins $from to $to, from the transform Z of pairs of real samples:
 * 2*X[k] = (Z[k] + conj Z[P-k]) - j*exp(-2*pi*j*k/N) * (Z[k] - conj Z[P-k]), with P = N/2 points, of which a quarter is
 * taken; the result is stored in the cells.$still */
static void fe_power($parameters) {
    for (uint32_t k = ${from}U; k <= ${to_pair}U; k++) {
        fe_cell *point = cells + k;
        fe_cell *mirror = cells + (FE_POINTS - k);
        const fe_complex a = {point->z.re >> 1, point->z.im >> 1};
        const fe_complex b = {mirror->z.re >> 1, mirror->z.im >> 1};
        const int32_t even_re = (a.re + b.re) >> 1;
        const int32_t even_im = (a.im - b.im) >> 1;
        const fe_complex odd = {a.re - b.re, a.im + b.im};
        const fe_complex turned = fe_turned(odd, fe_cosine[k], fe_cosine[FE_QUARTER - k]);
$point_line$mirror_line    }
}

