/* The 64 bits that stand in a cell once the transform is done. */
static inline void fe_put_energy(fe_cell *cell, int32_t re, int32_t im) {
    const uint64_t energy = (uint64_t)(fe_wide(re, re) + fe_wide(im, im));
    cell->z.re = (int32_t)(uint32_t)energy;
    cell->z.im = (int32_t)(energy >> 32);
}

