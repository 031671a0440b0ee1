/* The generated model as a shared library with fixed names: many inputs a call, one state. Not for several threads. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "model_config.h"

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

EXPORT size_t edgekit_state_bytes(void);
EXPORT int32_t edgekit_invoke_many(const int8_t *in, size_t count, int8_t *out);
EXPORT int32_t edgekit_push_many(const int16_t *pcm, size_t count, int8_t *scores, int32_t *labels);

static EDGEKIT_MODEL_STATE state;

size_t edgekit_state_bytes(void) {
    return sizeof state;
}

/* `count` inputs of INPUT_SIZE bytes to `count` outputs of OUTPUT_SIZE bytes. Returns 0 or an error code. */
int32_t edgekit_invoke_many(const int8_t *in, size_t count, int8_t *out) {
    int error = EDGEKIT_MODEL_INIT(&state);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = EDGEKIT_MODEL_INVOKE(&state, in, out);
        in += EDGEKIT_MODEL_INPUT_SIZE;
        out += EDGEKIT_MODEL_OUTPUT_SIZE;
    }
    return error;
}

#if EDGEKIT_MODEL_HAS_FRONTEND
/* One clip in as many calls as it takes; returns 0, an error code, or 1 when no result came. */
static int push_clip(const int16_t *pcm, EDGEKIT_MODEL_RESULT *result) {
    size_t left = EDGEKIT_MODEL_CLIP_SAMPLES;
    memset(result, 0, sizeof *result);
    while (left > 0) {
        const int error = EDGEKIT_MODEL_PUSH(&state, pcm, left, result);
        if (error != 0) {
            return error;
        }
        if (result->ready != 0) {
            return 0;
        }
        pcm += result->consumed;
        left -= result->consumed;
    }
    return 1;
}

/* `count` clips of CLIP_SAMPLES samples to scores and labels. Returns 0, an error code, or 1 when no result came. */
int32_t edgekit_push_many(const int16_t *pcm, size_t count, int8_t *scores, int32_t *labels) {
    int error = EDGEKIT_MODEL_INIT(&state);
    for (size_t i = 0; i < count && error == 0; i++) {
        EDGEKIT_MODEL_RESULT result;
        error = push_clip(pcm, &result);
        memcpy(scores, result.scores, EDGEKIT_MODEL_OUTPUT_SIZE);
        labels[i] = result.label;
        pcm += EDGEKIT_MODEL_CLIP_SAMPLES;
        scores += EDGEKIT_MODEL_OUTPUT_SIZE;
    }
    return error;
}
#endif

#if EDGEKIT_MODEL_STREAM
/* A stream goes on from call to call; the state is looked at from outside to prove what a hop writes. */
EXPORT int32_t edgekit_start(void);
EXPORT const void *edgekit_state(void);
EXPORT int32_t edgekit_step_many(const int8_t *in, size_t count, int8_t *out);

int32_t edgekit_start(void) {
    return EDGEKIT_MODEL_INIT(&state);
}

const void *edgekit_state(void) {
    return &state;
}

/* `count` hops of INPUT_SIZE bytes to `count` times OUTPUT_SIZE scores. Returns 0 or an error code. */
int32_t edgekit_step_many(const int8_t *in, size_t count, int8_t *out) {
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = EDGEKIT_MODEL_INVOKE(&state, in, out);
        in += EDGEKIT_MODEL_INPUT_SIZE;
        out += EDGEKIT_MODEL_OUTPUT_SIZE;
    }
    return error;
}

#if EDGEKIT_MODEL_HAS_FRONTEND
EXPORT int32_t edgekit_listen(const int16_t *pcm, size_t n, int8_t *scores, uint8_t *valid, size_t *hops);

/* `n` samples; scores and validity of every hop that they complete, at most n / CLIP_SAMPLES + 1. Returns 0 or an error
 * code. */
int32_t edgekit_listen(const int16_t *pcm, size_t n, int8_t *scores, uint8_t *valid, size_t *hops) {
    EDGEKIT_MODEL_RESULT result;
    *hops = 0;
    while (n > 0) {
        const int error = EDGEKIT_MODEL_PUSH(&state, pcm, n, &result);
        if (error != 0) {
            return error;
        }
        pcm += result.consumed;
        n -= result.consumed;
        if (result.ready != 0) {
            memcpy(scores, result.scores, EDGEKIT_MODEL_OUTPUT_SIZE);
            scores += EDGEKIT_MODEL_OUTPUT_SIZE;
            *valid++ = (uint8_t)(result.valid != 0);
            (*hops)++;
        }
    }
    return 0;
}
#endif
#endif
