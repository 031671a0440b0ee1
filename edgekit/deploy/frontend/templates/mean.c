/* Mean of the frame, in the unit of fe_sample, rounded down; `*rest` is what is left, 2^13 for one unit. Whole and
 * fractional steps are summed apart, so that 32 bits suffice. */
static int32_t fe_mean(const fe_state *state, int32_t start, int32_t gain, int32_t *rest) {
    int32_t whole = 0;
    int32_t part = 0;
    for (int32_t n = 0; n < FE_WINDOW; n++) {
        const int32_t x = fe_sample(state, start + n, gain);
        whole += x >> 13;
        part += x & 8191;
    }
    part += whole % FE_WINDOW * 8192;
    *rest = part % FE_WINDOW * 8192 / FE_WINDOW;
    return whole / FE_WINDOW * 8192 + part / FE_WINDOW;
}

