/* Runs the generated model on requests of a host, over semihosting.
 *
 * Request:  uint32 kind, uint32 bytes, then `bytes` bytes.
 *   kind 1  int8 features, exactly EDGEKIT_MODEL_INPUT_SIZE bytes
 *   kind 2  one clip of int16 PCM, exactly 2 * EDGEKIT_MODEL_CLIP_SAMPLES bytes
 *   kind 3  nothing (bytes = 0): asks for the stack's high-water mark
 * Reply:    int32 status (0, or an error code of the model), int32 value, then EDGEKIT_MODEL_OUTPUT_SIZE int8 scores.
 *   value   kind 1 and 2: index of the best score; kind 3: bytes of stack used since reset
 * The end of the input ends the program. All numbers are little-endian.
 */
#include <stdint.h>
#include <string.h>

#include "model_config.h"
#include "semihosting.h"
#include "stack.h"

enum { REQUEST_FEATURES = 1, REQUEST_PCM = 2, REQUEST_STACK = 3 };
enum { STATUS_BAD_REQUEST = -100, STATUS_NO_RESULT = -101, PCM_CHUNK = 160 };

typedef struct {
    int32_t status;
    int32_t value;
    int8_t scores[EDGEKIT_MODEL_OUTPUT_SIZE];
} reply;

static EDGEKIT_MODEL_STATE state;

static int32_t best_score(const int8_t *scores) {
    int32_t best = 0;
    for (int32_t i = 1; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
        if (scores[i] > scores[best]) {
            best = i;
        }
    }
    return best;
}

static int run_features(intptr_t in, uint32_t bytes, reply *out) {
    int8_t *features = EDGEKIT_MODEL_INPUT(&state);
    if (bytes != EDGEKIT_MODEL_INPUT_SIZE) {
        out->status = STATUS_BAD_REQUEST;
        return -1;
    }
    if (semihosting_read(in, features, EDGEKIT_MODEL_INPUT_SIZE) != 0) {
        return -1;
    }
    out->status = EDGEKIT_MODEL_INVOKE(&state, features, out->scores);
    out->value = best_score(out->scores);
    return 0;
}

#if EDGEKIT_MODEL_HAS_FRONTEND
/* Reads a clip in chunks, as a driver with a small DMA buffer would, and pushes each. */
static int run_pcm(intptr_t in, uint32_t bytes, reply *out) {
    static int16_t chunk[PCM_CHUNK];
    EDGEKIT_MODEL_RESULT result;
    uint32_t left = bytes / sizeof chunk[0];
    out->status = STATUS_NO_RESULT;
    if (bytes != EDGEKIT_MODEL_CLIP_SAMPLES * sizeof chunk[0]) {
        out->status = STATUS_BAD_REQUEST;
        return -1;
    }
    while (left > 0) {
        const uint32_t n = left < PCM_CHUNK ? left : PCM_CHUNK;
        if (semihosting_read(in, chunk, n * sizeof chunk[0]) != 0) {
            return -1;
        }
        const int error = EDGEKIT_MODEL_PUSH(&state, chunk, n, &result);
        if (error != 0) {
            out->status = error;
        } else if (result.ready) {
            out->status = 0;
            out->value = result.label;
            memcpy(out->scores, result.scores, EDGEKIT_MODEL_OUTPUT_SIZE);
        }
        left -= n;
    }
    return 0;
}
#endif

static int serve(intptr_t in, const uint32_t request[2], reply *out) {
    switch (request[0]) {
        case REQUEST_FEATURES:
            return run_features(in, request[1], out);
#if EDGEKIT_MODEL_HAS_FRONTEND
        case REQUEST_PCM:
            return run_pcm(in, request[1], out);
#endif
        case REQUEST_STACK:
            out->value = (int32_t)edgekit_stack_used();
            return request[1] == 0 ? 0 : -1;
        default:
            out->status = STATUS_BAD_REQUEST;
            return -1;
    }
}

int main(void) {
    const intptr_t in = semihosting_console(0);
    const intptr_t console = semihosting_console(4);
    static reply out;
    uint32_t request[2];
    if (in < 0 || console < 0 || EDGEKIT_MODEL_INIT(&state) != 0) {
        return 1;
    }
    while (semihosting_read(in, request, sizeof request) == 0) {
        memset(&out, 0, sizeof out);
        const int end = serve(in, request, &out);
        if (semihosting_write(console, &out, 8u + EDGEKIT_MODEL_OUTPUT_SIZE) != 0 || end != 0) {
            return 1;
        }
    }
    return 0;
}
