/* Audio front-end "$name"$of_what: 16-bit PCM in, $makes. Written by edgekit; do not edit.
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
${clip_macro}#define ${NAME}_FRONTEND_HOP_SAMPLES ${hop_length}
${shape_macros}#define ${NAME}_FRONTEND_SIZE ${size}
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
$counters} ${name}_frontend_state;

/* $init */
void ${name}_frontend_init(${name}_frontend_state *state);

/* $push
 * Returns the number of samples taken. */
size_t ${name}_frontend_push(${name}_frontend_state *state, const int16_t *pcm, size_t n, ${ctype} *features,
                             int *ready);

#ifdef __cplusplus
}
#endif

#endif
