/* Runs the model on zeros once a second and prints the best score and the cycles taken. */
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "model_config.h"

static EDGEKIT_MODEL_STATE state;

int main(void) {
    int8_t scores[EDGEKIT_MODEL_OUTPUT_SIZE];
    if (EDGEKIT_MODEL_INIT(&state) != 0) {
        printk("init failed\n");
        return 0;
    }
    while (1) {
        int8_t *features = EDGEKIT_MODEL_INPUT(&state);
        memset(features, 0, EDGEKIT_MODEL_INPUT_SIZE);
        const uint32_t begin = k_cycle_get_32();
        const int error = EDGEKIT_MODEL_INVOKE(&state, features, scores);
        const uint32_t cycles = k_cycle_get_32() - begin;
        int best = 0;
        for (int i = 1; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
            best = scores[i] > scores[best] ? i : best;
        }
        printk("error %d, best %d, score %d, cycles %u\n", error, best, scores[best], (unsigned)cycles);
        k_msleep(1000);
    }
    return 0;
}
