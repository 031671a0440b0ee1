"""Requantization of four sums at a time: the same bytes as TensorFlow Lite's double rounding.

SQRDMULH is gemmlowp's SaturatingRoundingDoublingHighMul; SRSHL rounds as VRSHL does (mve/requantize.py says why that is
right); rounded once, SQDMULH cuts the product as VQDMULH does there.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.text import array_lines, int32
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.rounding import ONCE

HELPERS: tuple[tuple[str, str], ...] = (
    (
        "neon_dot",
        """\
#if defined(__ARM_NEON)
/* Sums of four neighbouring products each, added; no weight is -128, so that two products fit int16. */
static inline int32x4_t neon_dot(int32x4_t sum, int8x16_t x, int8x16_t w) {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, x, w);
#else
    const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
    return vpadalq_s16(sum, vmlal_s8(low, vget_high_s8(x), vget_high_s8(w)));
#endif
}
#endif
""",
    ),
    (
        "neon_totals",
        """\
#if defined(__ARM_NEON)
/* The total of each of four vectors. */
static inline int32x4_t neon_totals(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}
#endif
""",
    ),
    (
        "neon_store4",
        """\
#if defined(__ARM_NEON)
/* Four sums that lie in int8 to four bytes. */
static inline void neon_store4(int8_t *y, int32x4_t v) {
    const int16x4_t half = vqmovn_s32(v);
    const int32_t word = vget_lane_s32(vreinterpret_s32_s8(vqmovn_s16(vcombine_s16(half, half))), 0);
    memcpy(y, &word, sizeof word);
}
#endif
""",
    ),
    (
        "neon_value",
        """\
#if !defined(__ARM_NEON)
/* sum * multiplier * 2^(power - 31), rounded twice as TensorFlow Lite does, plus zero, clamped. */
static inline int8_t neon_value(int32_t sum, int32_t multiplier, int32_t power, int32_t zero, int32_t low,
                                int32_t high) {
    const int32_t product = (int32_t)(((int64_t)sum * multiplier + ((int64_t)1 << 30)) >> 31);
    const int32_t x = ((((product + (product >> 31)) >> (-1 - power)) + 1) >> 1) + zero;
    return (int8_t)(x < low ? low : (x > high ? high : x));
}
#endif
""",
    ),
)
"""(name, definition) of what NEON kernels may use."""

VALUE_ONCE = """\
#if !defined(__ARM_NEON)
/* sum * multiplier * 2^(power - 31), rounded once, plus zero, clamped. */
static inline int8_t neon_value(int32_t sum, int32_t multiplier, int32_t power, int32_t zero, int32_t low,
                                int32_t high) {
    const int64_t half = (int64_t)1 << (30 - power);
    const int32_t x = (int32_t)(((int64_t)sum * multiplier + half) >> (31 - power)) + zero;
    return (int8_t)(x < low ? low : (x > high ? high : x));
}
#endif
"""
"""neon_value of a graph that rounds once."""


def table(name: str, arithmetic: Accumulate) -> str:
    """Definition of a layer's channels, int32 [3, O]: biases, factors, powers of two."""
    powers = np.where(arithmetic.multiplier == 0, -1, arithmetic.shift.astype(np.int64))
    rows = np.stack([arithmetic.folded_bias.astype(np.int64), arithmetic.multiplier.astype(np.int64), powers])
    lines = array_lines(int32(int(value)) for value in rows.ravel())
    return f"static const int32_t {name}[{rows.size}] = {{\n{lines}\n}};\n"


def finish(arithmetic: Accumulate, sums: str, factors: str, powers: str) -> list[str]:
    """Statements that turn the int32x4_t ``sums``, bias included, into output values of the vectors' channels."""
    zero, clamp = arithmetic.output_zero_point, arithmetic.clamp
    once = arithmetic.rounding == ONCE
    lines = [f"{sums} = {'vqdmulhq' if once else 'vqrdmulhq'}_s32({sums}, {factors});"]
    if clamp.low < zero and not once:
        lines.append(f"{sums} = vaddq_s32({sums}, vshrq_n_s32({sums}, 31));")
    lines.append(f"{sums} = vrshlq_s32({sums}, {powers});")
    if zero:
        lines.append(f"{sums} = vaddq_s32({sums}, vdupq_n_s32({paren(zero)}));")
    lines.append(f"{sums} = vmaxq_s32({sums}, vdupq_n_s32({paren(clamp.low)}));")
    lines.append(f"{sums} = vminq_s32({sums}, vdupq_n_s32({paren(clamp.high)}));")
    return lines


def finish_one(arithmetic: Accumulate, sum_: str, factor: str, power: str) -> str:
    """A C expression: the int8 output of one sum, bias included."""
    clamp, zero = arithmetic.clamp, arithmetic.output_zero_point
    return f"neon_value({sum_}, {factor}, {power}, {paren(zero)}, {paren(clamp.low)}, {paren(clamp.high)})"
