/* Power of two by which samples are multiplied so that their rounding is small beside the loudest, up to 2^15. */
static int32_t fe_gain(int32_t loudest) {
    int32_t gain = 1;
    while (loudest * gain * 2 <= 32768) {
        gain *= 2;
    }
    return gain;
}

