/* int8 input of the model: floor(x / scale + 0.5) + zero point, saturated. */
static inline int8_t fe_store(float x) {
    const float steps = x * $inverse_scale + 0.5f;
    if (steps >= $highest) {
        return 127;
    }
    if (steps < $lowest) {
        return -128;
    }
    int32_t whole = (int32_t)steps;
    whole -= (float)whole > steps ? 1 : 0;
    return (int8_t)(whole + $zero_point);
}

