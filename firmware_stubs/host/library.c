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
