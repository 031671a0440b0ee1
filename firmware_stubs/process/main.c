/* The generated model as a process that a measuring host asks through stdin and stdout; for Linux.
 *
 * Request:  uint32 kind, uint32 bytes, then `bytes` bytes.
 *   kind 1  int8 features, exactly EDGEKIT_MODEL_INPUT_SIZE bytes
 *   kind 2  one clip of int16 PCM, exactly 2 * EDGEKIT_MODEL_CLIP_SAMPLES bytes
 *   kind 4  uint32 what, uint32 warm-up, uint32 runs: times runs on the latest input;
 *           what: 1 the model, 2 front-end and model, 3 the front-end
 *   kind 5  nothing: asks for the peak of resident memory
 *   kind 6  nothing: asks what this is
 * Reply:    int32 status (0, or an error code of the model), int32 value, and where status is 0:
 *   kind 1 and 2  value is the index of the best score; EDGEKIT_MODEL_OUTPUT_SIZE int8 scores
 *   kind 4        value runs; for each uint64 nanoseconds passed, uint64 nanoseconds of processor time
 *   kind 5        value in KiB, -1 where Linux does not tell
 *   kind 6        value bytes of JSON
 * The end of the input ends the program. All numbers are little-endian.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "model_config.h"

enum { FEATURES = 1, PCM = 2, TIME = 4, MEMORY = 5, ABOUT = 6 };
enum { TIME_MODEL = 1, TIME_CLIP = 2, TIME_FRONTEND = 3, MAX_RUNS = 1000000 };
enum { BAD_REQUEST = -100, NO_RESULT = -101, NO_FRONTEND = -102 };

static const char about[] = "{\"runtime\": \"generated C\"}";

static EDGEKIT_MODEL_STATE state;
static int8_t features[EDGEKIT_MODEL_INPUT_SIZE];
static int8_t scores[EDGEKIT_MODEL_OUTPUT_SIZE];
#if EDGEKIT_MODEL_HAS_FRONTEND
static int16_t pcm[EDGEKIT_MODEL_CLIP_SAMPLES];
static EDGEKIT_FRONTEND_STATE frontend;
#endif

static int read_exactly(void *to, size_t size) {
    return fread(to, 1, size, stdin) == size ? 0 : -1;
}

static int write_all(const void *from, size_t size) {
    return fwrite(from, 1, size, stdout) == size ? 0 : -1;
}

static int write_head(int32_t status, int32_t value) {
    const int32_t head[2] = {status, value};
    return write_all(head, sizeof head);
}

static int32_t best_score(void) {
    int32_t best = 0;
    for (int32_t i = 1; i < EDGEKIT_MODEL_OUTPUT_SIZE; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return best;
}

/* The error goes through memory: without a tail call, an emulator sees the model return. */
static int run_model(void) {
    static volatile int error;
    error = EDGEKIT_MODEL_INVOKE(&state, features, scores);
    return error;
}

#if EDGEKIT_MODEL_HAS_FRONTEND
static int run_clip(void) {
    size_t done = 0;
    EDGEKIT_MODEL_RESULT result = {0};
    while (done < EDGEKIT_MODEL_CLIP_SAMPLES && result.ready == 0) {
        const int error = EDGEKIT_MODEL_PUSH(&state, pcm + done, EDGEKIT_MODEL_CLIP_SAMPLES - done, &result);
        if (error != 0) {
            return error;
        }
        done += result.consumed;
    }
    if (result.ready == 0) {
        return NO_RESULT;
    }
    memcpy(scores, result.scores, sizeof scores);
    return 0;
}

static int run_frontend(void) {
    int ready = 0;
    EDGEKIT_FRONTEND_INIT(&frontend);
    (void)EDGEKIT_FRONTEND_PUSH(&frontend, pcm, EDGEKIT_MODEL_CLIP_SAMPLES, features, &ready);
    return ready ? 0 : NO_RESULT;
}
#else
static int run_clip(void) {
    return NO_FRONTEND;
}

static int run_frontend(void) {
    return NO_FRONTEND;
}
#endif

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int answer_scores(int error) {
    if (error != 0) {
        return write_head(error, 0);
    }
    return write_head(0, best_score()) != 0 || write_all(scores, sizeof scores) != 0;
}

static int time_one(int (*run)(void)) {
    const uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const uint64_t wall = nanoseconds(CLOCK_MONOTONIC);
    (void)run();
    const uint64_t times[2] = {nanoseconds(CLOCK_MONOTONIC) - wall, nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu};
    return write_all(times, sizeof times);
}

static int answer_times(const uint32_t order[3]) {
    int (*const runs[])(void) = {run_model, run_clip, run_frontend};
    if (order[0] < TIME_MODEL || order[0] > TIME_FRONTEND || order[2] > MAX_RUNS || order[1] > MAX_RUNS) {
        return write_head(BAD_REQUEST, 0);
    }
    int (*const run)(void) = runs[order[0] - 1];
    const int error = run();
    if (error != 0) {
        return write_head(error, 0);
    }
    for (uint32_t i = 1; i < order[1]; i++) {
        (void)run();
    }
    int failed = write_head(0, (int32_t)order[2]);
    for (uint32_t i = 0; i < order[2] && failed == 0; i++) {
        failed = time_one(run);
    }
    return failed;
}

/* VmHWM, which begins anew with a program; getrusage hands on what the program before it had. */
static int32_t peak_kib(void) {
    char line[128];
    int32_t found = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        int kib;
        if (sscanf(line, "VmHWM: %d", &kib) == 1) {
            found = kib;
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return found;
}

static int serve(uint32_t kind, uint32_t bytes) {
    uint32_t order[3];
    if (kind == FEATURES && bytes == sizeof features) {
        return read_exactly(features, bytes) != 0 || answer_scores(run_model()) != 0;
    }
#if EDGEKIT_MODEL_HAS_FRONTEND
    if (kind == PCM && bytes == sizeof pcm) {
        return read_exactly(pcm, bytes) != 0 || answer_scores(run_clip()) != 0;
    }
#endif
    if (kind == TIME && bytes == sizeof order) {
        return read_exactly(order, bytes) != 0 || answer_times(order) != 0;
    }
    if (kind == MEMORY && bytes == 0) {
        return write_head(0, peak_kib());
    }
    if (kind == ABOUT && bytes == 0) {
        return write_head(0, (int32_t)(sizeof about - 1)) != 0 || write_all(about, sizeof about - 1) != 0;
    }
    (void)write_head(BAD_REQUEST, 0);
    return -1;
}

int main(void) {
    uint32_t request[2];
    if (EDGEKIT_MODEL_INIT(&state) != 0) {
        return 1;
    }
    while (read_exactly(request, sizeof request) == 0) {
        if (serve(request[0], request[1]) != 0 || fflush(stdout) != 0) {
            return 1;
        }
    }
    return 0;
}
