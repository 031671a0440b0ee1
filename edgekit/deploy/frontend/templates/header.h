/* Audio front-end "$name": 16-bit PCM in, model input out. Written by edgekit; do not edit.
 *
 * $summary
 * Front-end digest: $digest
 */
#ifndef ${NAME}_FRONTEND_H
#define ${NAME}_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#define ${NAME}_FRONTEND_DIGEST "$digest"
#define ${NAME}_FRONTEND_SAMPLE_RATE ${sample_rate}
#define ${NAME}_FRONTEND_CLIP_SAMPLES ${clip_samples}
#define ${NAME}_FRONTEND_HOP_SAMPLES ${hop_length}
#define ${NAME}_FRONTEND_HEIGHT ${height}
#define ${NAME}_FRONTEND_WIDTH ${width}
#define ${NAME}_FRONTEND_SIZE ${size}
$quantization
#ifdef __cplusplus
extern "C" {
#endif

/* One point of the transform; holds the point's power (or magnitude) once the transform is done. */
typedef union {
    struct {
        $cell_type re;
        $cell_type im;
    } z;
    float power;
} ${name}_frontend_cell;

/* All memory of the front-end; owned by the caller, made ready by ${name}_frontend_init. */
typedef struct {
    ${name}_frontend_cell cells[${points}]; /* transform */
    int16_t ring[${capacity}];              /* the latest samples; sample i is at i % ${capacity} */
    int32_t count;                          /* samples of the clip seen so far */
    int32_t frame;                          /* frames of the clip written so far */
} ${name}_frontend_state;

/* Begin a clip. */
void ${name}_frontend_init(${name}_frontend_state *state);

/* Take up to `n` samples, but none past the end of the clip.
 *
 * Writes every frame that these samples complete into `features`: ${height}x${width} values, ${layout_text}.
 * Pass the same `features` until the clip ends. Any division of a clip into pushes gives the same values.
 * Sets `*ready` to 1 when the clip's last sample was taken: then all of `features` is written and the next
 * sample begins a new clip; otherwise to 0.
 * Returns the number of samples taken. */
size_t ${name}_frontend_push(${name}_frontend_state *state, const int16_t *pcm, size_t n, ${ctype} *features,
                             int *ready);

#ifdef __cplusplus
}
#endif

#endif
