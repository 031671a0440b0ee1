/* Reads raw input from stdin and prints one line an inference: with the front-end int16 PCM (little-endian, mono, at
 * the model's rate) clip after clip, without it int8 features. A line is the best score's index, its label where the
 * model has labels, and its score. An incomplete clip at the end is an error.
 */
#include <stdint.h>
#include <stdio.h>

#include "model_config.h"

static EDGEKIT_MODEL_STATE state;

static void print_result(int32_t label, const int8_t *scores) {
#if EDGEKIT_MODEL_LABEL_COUNT > 0
    printf("%d\t%s\t%d\n", (int)label, EDGEKIT_MODEL_LABELS[label], scores[label]);
#else
    printf("%d\t\t%d\n", (int)label, scores[label]);
#endif
}

#if EDGEKIT_MODEL_HAS_FRONTEND
static int run(void) {
    static int16_t pcm[EDGEKIT_MODEL_CLIP_SAMPLES];
    size_t got;
    while ((got = fread(pcm, sizeof pcm[0], EDGEKIT_MODEL_CLIP_SAMPLES, stdin)) == EDGEKIT_MODEL_CLIP_SAMPLES) {
        size_t done = 0;
        EDGEKIT_MODEL_RESULT result = {0};
        while (done < got && result.ready == 0) {
            if (EDGEKIT_MODEL_PUSH(&state, pcm + done, got - done, &result) != 0) {
                return 1;
            }
            done += result.consumed;
        }
        print_result(result.label, result.scores);
    }
    return got == 0 ? 0 : 1;
}
#else
static int run(void) {
    int8_t scores[EDGEKIT_MODEL_OUTPUT_SIZE];
    int8_t *features = EDGEKIT_MODEL_INPUT(&state);
    size_t got;
    while ((got = fread(features, 1, EDGEKIT_MODEL_INPUT_SIZE, stdin)) == EDGEKIT_MODEL_INPUT_SIZE) {
        int32_t best = 0;
        if (EDGEKIT_MODEL_INVOKE(&state, features, scores) != 0) {
            return 1;
        }
        for (int32_t i = 1; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
            best = scores[i] > scores[best] ? i : best;
        }
        print_result(best, scores);
    }
    return got == 0 ? 0 : 1;
}
#endif

int main(void) {
    if (EDGEKIT_MODEL_INIT(&state) != 0) {
        return 1;
    }
    const int status = run();
    if (status != 0) {
        fprintf(stderr, "the input ended inside a clip, or the model refused it\n");
    }
    return status;
}
