"""Requantization with SMMULR and SSAT: the same bytes as TensorFlow Lite's double rounding, or its single one.

TensorFlow Lite computes h = ⌊(a·m + 2³⁰) / 2³¹⌋ and then divides h by 2^r, r ≥ 1, to nearest, halves away from zero.
SMMLAR gives z + ⌊(2a·m + 2³¹) / 2³²⌋, whose second part is h exactly for |a| < 2³⁰. The division is
⌊(⌊(h − [h < 0]) / 2^(r−1)⌋ + 1) / 2⌋. A z that is a multiple of 2^(r−1) passes the shift unchanged: the zero point
costs nothing. Without the term [h < 0] only halves below zero come out higher, by one and still not above 0: where the
clamp's low end is at or above the zero point nothing of that is seen, and the term is left out. The sign of a stands
for that of h: they differ only where h is 0 and a below it, and 0 − 1 divided so is 0 like 0.

Rounded once, the value is ⌊(a·m + 2^(30+r)) / 2^(31+r)⌋ = ⌊(⌊2a·m / 2³²⌋ + 2^(r−1)) / 2^r⌋: SMMLA, which cuts where
SMMLAR rounds, a z that has the 2^(r−1), and the same shifts. No term for the sign.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.accumulate import only_right_shifts, paren
from edgekit.deploy.c.text import array_lines, int32
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.rounding import ONCE, Rounding

BIAS_LIMIT = 1 << 23
"""Biases lie in the upper 24 bits of a word."""


def applies(arithmetic: Accumulate, channel_axis: int) -> bool:
    """The layer's sums, biases and shifts fit the packed channel table and the proof above."""
    weights = np.moveaxis(arithmetic.weights.astype(np.int64), channel_axis, 0)
    reach = np.abs(weights.reshape(weights.shape[0], -1)).sum(axis=1) * 128
    bias = np.abs(arithmetic.folded_bias.astype(np.int64))
    return bool(only_right_shifts(arithmetic) and bias.max() < BIAS_LIMIT and (bias + reach).max() < 1 << 30)


def packed_table(name: str, arithmetic: Accumulate) -> str:
    """Definition of a layer's ``dsp_channel`` array, 8 bytes a channel."""
    cells = [f"{{{int32(word)}, {multiplier}}}" for word, multiplier in channel_words(arithmetic).tolist()]
    return f"static const dsp_channel {name}[{len(cells)}] = {{\n{array_lines(cells)}\n}};\n"


def channel_words(arithmetic: Accumulate) -> np.ndarray:
    """The two words of each channel, int64 [O, 2]: 256 · bias + shift, and the factor."""
    shifts = np.where(arithmetic.multiplier == 0, 0, -arithmetic.shift.astype(np.int64) - 1)
    words = arithmetic.folded_bias.astype(np.int64) * 256 + shifts
    return np.stack([words, arithmetic.multiplier.astype(np.int64)], axis=1)


def zero_line(arithmetic: Accumulate, shift: str) -> str:
    """Declaration of ``zero``: the output's zero point as z of the proof above, for a channel's shift."""
    return f"const int32_t zero = dsp_zero({paren(2 * arithmetic.output_zero_point + 1)}, {shift});\n"


def finish(arithmetic: Accumulate, total: str, shift: str, multiplier: str) -> str:
    """A C expression: the int8 output from the accumulator ``total``; it reads the variable ``zero`` of zero_line().

    Args:
        arithmetic: whose zero point and clamp are constants in the text.
        total: twice the sum; an expression without side effects.
        shift: word whose lowest byte is r − 1.
        multiplier: m.
    """
    clamp, zero = arithmetic.clamp, arithmetic.output_zero_point
    value = f"{finisher(clamp.low, zero, arithmetic.rounding)}({total}, {multiplier}, {shift}, zero)"
    if (clamp.low, clamp.high) == (-128, 127):
        return f"(int8_t){value}"
    return f"clamp({value}, {paren(clamp.low)}, {paren(clamp.high)})"


def finisher(low: int, zero: int, rounding: Rounding) -> str:
    """The helper that ends a sum: by the clamp's low end, the output's zero point and the rounding."""
    if rounding == ONCE:
        return "dsp_once"
    return "dsp_relu" if low >= zero else "dsp_signed"


HELPERS: tuple[tuple[str, str], ...] = (
    (
        "dsp_divide",
        """\
/* x / 2^(shift + 1) to nearest, halves away from zero. */
__attribute__((unused)) static inline int32_t dsp_divide(int32_t x, int32_t shift) {
    return (((x + (x >> 31)) >> shift) + 1) >> 1;
}
""",
    ),
    (
        "dsp_zero",
        """\
/* A number so large that a shift right by n, in the lowest byte, makes it `twice` again. */
__attribute__((unused)) static inline int32_t dsp_zero(int32_t twice, int32_t n) {
    return (int32_t)((uint32_t)twice << (n & 255));
}
""",
    ),
    (
        "dsp_relu",
        """\
/* int8 of sum2 / 2 * multiplier / 2^(32 + shift) + zero point, where less than the zero point is cut off anyway. */
__attribute__((unused)) static inline int32_t dsp_relu(int32_t sum2, int32_t multiplier, int32_t shift, int32_t zero) {
    return dsp_half8(dsp_shift(dsp_high_plus(sum2, multiplier, zero), shift));
}
""",
    ),
    (
        "dsp_once",
        """\
/* int8 of sum2 / 2 * multiplier / 2^(32 + shift) + zero point, rounded once, halves up. */
__attribute__((unused)) static inline int32_t dsp_once(int32_t sum2, int32_t multiplier, int32_t shift, int32_t zero) {
    return dsp_half8(dsp_shift(dsp_high_floor(sum2, multiplier, zero), shift));
}
""",
    ),
    (
        "dsp_signed",
        """\
/* int8 of sum2 / 2 * multiplier / 2^(32 + shift) + zero point, halves away from zero. */
__attribute__((unused)) static inline int32_t dsp_signed(int32_t sum2, int32_t multiplier, int32_t shift,
                                                         int32_t zero) {
    return dsp_half8(dsp_shift(dsp_high_plus(sum2, multiplier, zero) + (sum2 >> 31), shift));
}
""",
    ),
)
"""(name, definition), to be placed behind DSP_HELPERS."""
