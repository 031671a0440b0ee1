/* Runs the model on zeros once a second and prints the best score and the microseconds taken. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "model_config.h"

static EDGEKIT_MODEL_STATE state;

void app_main(void) {
    int8_t scores[EDGEKIT_MODEL_OUTPUT_SIZE];
    if (EDGEKIT_MODEL_INIT(&state) != 0) {
        printf("init failed\n");
        return;
    }
    while (1) {
        int8_t *features = EDGEKIT_MODEL_INPUT(&state);
        memset(features, 0, EDGEKIT_MODEL_INPUT_SIZE);
        const int64_t begin = esp_timer_get_time();
        const int error = EDGEKIT_MODEL_INVOKE(&state, features, scores);
        const int64_t taken = esp_timer_get_time() - begin;
        int best = 0;
        for (int i = 1; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
            best = scores[i] > scores[best] ? i : best;
        }
        printf("error %d, best %d, score %d, us %" PRId64 "\n", error, best, scores[best], taken);
        vTaskDelay(pdMS_TO_TICKS(1000));
    }
}
