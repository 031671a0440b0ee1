static void fe_transform(fe_cell *cells) {
    for (uint32_t i = 0; i < FE_POINTS; i += 2U) {
        const fe_complex a = fe_value(cells + i);
        const fe_complex b = fe_value(cells + i + 1U);
        cells[i].z.re = a.re + b.re;
        cells[i].z.im = a.im + b.im;
        cells[i + 1U].z.re = a.re - b.re;
        cells[i + 1U].z.im = a.im - b.im;
    }
    for (uint32_t length = 2; length < FE_POINTS; length *= 4U) {
        fe_stage(cells, length);
    }
}

