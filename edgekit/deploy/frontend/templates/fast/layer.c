/* Join the pairs of transforms of four points into halves of their transform. */
static void fe_layer(fe_cell *cells) {
    for (uint32_t k = 0; k < 4U; k++) {
        const fe_complex angle = fe_angle(k * (FE_N_FFT / 8U));
        for (fe_cell *at = cells + k; at < cells + FE_POINTS; at += 8) {
            const fe_complex half = fe_halved(fe_at(at));
            const fe_complex turned = fe_turned(fe_at(at + 4), angle.re, angle.im);
            at[0].z.re = half.re + turned.re;
            at[0].z.im = half.im + turned.im;
            at[4].z.re = half.re - turned.re;
            at[4].z.im = half.im - turned.im;
        }
    }
}

