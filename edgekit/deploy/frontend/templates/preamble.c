/* Audio front-end "$name". Written by edgekit; do not edit.
 * Front-end digest: $digest
 *
 * $precision_text
 * Powers, mel sums and logarithms run in 32-bit floats.
 * Compile with -ffp-contract=off: then every machine gives the same bytes.
 */
#include "${name}_frontend.h"

#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    FE_N_FFT = ${n_fft},
    FE_QUARTER = ${quarter}, /* points of a quarter turn */
    FE_POINTS = ${points},   /* points of the complex transform of two real samples each */
    FE_WINDOW = ${window_length},
    FE_HOP = ${hop_length},
    FE_FIRST = ${first},     /* where the first window begins, relative to the signal */
    FE_CLIP = ${clip_samples},
    FE_SIGNAL = ${signal_samples},
    FE_FRAMES = ${frames},
    FE_BINS = ${bins},
    FE_MEL_BINS = ${mel_bins},
    FE_CAPACITY = ${capacity}
};

typedef ${name}_frontend_state fe_state;
typedef ${name}_frontend_cell fe_cell;

