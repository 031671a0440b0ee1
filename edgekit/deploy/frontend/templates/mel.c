/* Mel energies and what follows. Between two corner frequencies one triangle falls while the next one rises, and the
 * two weights of a bin add to one (2^31): so one weight a bin is stored. */
static void fe_finish_frame(fe_state *state, $ctype *features) {
    const uint32_t *weight = fe_rise;
    const int32_t t = state->frame;
    float rising = 0.0f;
$begin    for (uint32_t segment = 0; segment <= FE_MEL_BINS; segment++) {
        float rise = 0.0f;
        float fall = 0.0f;
        for (uint32_t k = fe_corner[segment]; k < fe_corner[segment + 1U]; k++) {
            const float power = state->cells[k].power;
            rise += power * (float)*weight;
            fall += power * (float)(0x80000000U - *weight);
            weight++;
        }
        if (segment > 0U) {
            const uint32_t m = segment - 1U;
            const float mel = (rising + fall) * $mel_unit;
            $each
        }
        rising = rise;
    }
$end}

