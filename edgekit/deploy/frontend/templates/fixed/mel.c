/* Mel energies and what follows. Between two corner frequencies one triangle falls while the next one rises, and the
 * two weights of a bin add to one (16384): so one weight a bin is stored. The
 * energies of a segment are shifted down until they have 42 bits, so that quiet segments keep all of theirs. */
static void fe_finish_frame(fe_state *state, int8_t *features, float gain) {
    const uint16_t *weight = fe_rise;
    const int32_t t = state->frame;
    fe_float number;
    number.value = gain; /* a power of two */
    const int32_t louder = 127 - (int32_t)(number.bits >> 23);
    uint64_t rising = 0;
    int32_t rising_down = 0;
$begin    for (uint32_t segment = 0; segment <= FE_MEL_BINS; segment++) {
        const uint32_t end = fe_corner[segment + 1U];
        uint32_t bits = 0;
        int32_t down = 0;
        uint64_t rise = 0;
        uint64_t sum = 0;
        for (uint32_t k = fe_corner[segment]; k < end; k++) {
            bits |= (uint32_t)state->cells[k].z.im;
        }
        while (bits >> down >= 1U << 10) {
            down++;
        }
        for (uint32_t k = fe_corner[segment]; k < end; k++) {
            const uint64_t all = (uint64_t)(uint32_t)state->cells[k].z.im << 32 | (uint32_t)state->cells[k].z.re;
            const uint64_t energy = all >> down;
            const uint32_t low = (uint32_t)energy;
            const uint32_t high = (uint32_t)(energy >> 32);
            const uint32_t w = *weight++;
            rise += (low & 0xFFFFU) * w + ((uint64_t)((low >> 16) * w) << 16) + ((uint64_t)(high * w) << 32);
            sum += energy;
        }
        if (segment > 0U) {
            const uint32_t m = segment - 1U;
            const int32_t most = down > rising_down ? down : rising_down;
            const uint64_t mel = (rising >> (most - rising_down)) + (((sum << 14) - rise) >> (most - down));
            const int32_t level = fe_level(mel, 2 * louder + 14 - most);
            $each
        }
        rising = rise;
        rising_down = down;
    }
$end}

