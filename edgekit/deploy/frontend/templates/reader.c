static inline int32_t fe_sample(const fe_state *state, int32_t i) {
$locate    return fe_raw(state, i);
}

/* Reads the samples of a frame in order. */
typedef struct {
    const int16_t *at; /* in the ring; NULL for a frame that hangs over an end of the signal */
    int32_t i;
} fe_reader;

static inline fe_reader fe_begin(const fe_state *state, int32_t start) {
    const int inside = start >= 0 && start + FE_WINDOW <= FE_SIGNAL;
    const fe_reader reader = {inside ? state->ring + (uint32_t)start % FE_CAPACITY : NULL, start};
    return reader;
}

static inline int32_t fe_read(const fe_state *state, fe_reader *reader) {
    if (reader->at == NULL) {
        return fe_sample(state, reader->i++);
    }
    const int32_t x = *reader->at++;
    reader->at = reader->at == state->ring + FE_CAPACITY ? state->ring : reader->at;
    return x;
}

