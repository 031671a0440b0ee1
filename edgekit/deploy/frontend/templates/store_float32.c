static inline float fe_store(float x) {
    return x;
}

