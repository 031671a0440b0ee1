/* int8 input of the model from its steps in 2^-$shift: rounded, saturated. */
static inline int8_t fe_store(int64_t steps) {
    const int64_t whole = (steps + INT64_C($offset)) >> $shift;
    const int64_t value = whole + $zero_point;
    return (int8_t)(value < -128 ? -128 : (value > 127 ? 127 : value));
}

