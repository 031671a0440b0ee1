static void fe_transform(fe_cell *cells) {
    for (uint32_t length = 1; length < FE_POINTS; length *= 4U) {
        fe_stage(cells, length);
    }
}

