#include "device.h"

#include <string.h>

#include "port.h"

int8_t device_input[EDGEKIT_MODEL_INPUT_SIZE];
int8_t device_scores[EDGEKIT_MODEL_OUTPUT_SIZE];

static EDGEKIT_MODEL_STATE state;

int device_start(void) {
    return EDGEKIT_MODEL_INIT(&state);
}

int device_run(uint32_t *ticks) {
    int8_t *place = EDGEKIT_MODEL_INPUT(&state);
    memcpy(place, device_input, sizeof device_input);
    const uint32_t begin = port_ticks();
    const int error = EDGEKIT_MODEL_INVOKE(&state, place, device_scores);
    *ticks = port_ticks() - begin;
    return error;
}

#if EDGEKIT_MODEL_HAS_FRONTEND
int device_push(const int16_t *pcm, uint32_t samples, uint32_t *ticks) {
    int ended = 0;
    while (samples > 0) {
        EDGEKIT_MODEL_RESULT result = {0};
        const uint32_t begin = port_ticks();
        const int error = EDGEKIT_MODEL_PUSH(&state, pcm, samples, &result);
        *ticks += port_ticks() - begin;
        if (error != 0) {
            return error;
        }
        if (result.ready != 0) {
            memcpy(device_scores, result.scores, sizeof device_scores);
            ended = 1;
        }
        pcm += result.consumed;
        samples -= (uint32_t)result.consumed;
    }
    return ended;
}
#else
int device_push(const int16_t *pcm, uint32_t samples, uint32_t *ticks) {
    (void)pcm;
    (void)samples;
    (void)ticks;
    return DEVICE_NO_FRONTEND;
}
#endif

int32_t device_label(void) {
    int32_t best = 0;
    for (int32_t i = 1; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
        best = device_scores[i] > device_scores[best] ? i : best;
    }
    return best;
}
