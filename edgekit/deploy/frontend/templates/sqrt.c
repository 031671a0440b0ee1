/* Square root by Newton's iteration on 1/sqrt(x), without a division; 0 gives 0. */
static inline float fe_sqrt(float x) {
    fe_float number;
    number.value = x;
    number.bits = 0x5f375a86U - (number.bits >> 1);
    float y = number.value;
    const float half = 0.5f * x;
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    const float root = x * y;
    return root + 0.5f * y * (x - root * root);
}

