typedef union {
    float value;
    uint32_t bits;
} fe_float;

