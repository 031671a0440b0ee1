"""Requantization of four sums at a time: the same bytes as TensorFlow Lite's double rounding.

VQRDMULH is gemmlowp's SaturatingRoundingDoublingHighMul. VRSHL by -r rounds halves up, gemmlowp's RoundingDivideByPOT
halves away from zero: one less below zero makes them equal for r ≥ 1. Where the clamp's low end is at or above the zero
point, all that is below zero is cut off anyway and the subtraction is left out.

Rounded once (graph/rounding.py), VQDMULH cuts where VQRDMULH rounds: ⌊(⌊2a·m / 2³²⌋ + 2^(r−1)) / 2^r⌋ is the whole
product rounded at its end, halves up, and nothing is subtracted.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp import wide_requantize
from edgekit.deploy.c.text import array_lines, int32
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.rounding import ONCE

HELPERS: tuple[tuple[str, str], ...] = (
    (
        "int32x4_t",
        """\
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
""",
    ),
    (
        "mve_channel",
        """\
/* Requantization of one output channel: bias with the input's zero point folded in, factor, power of two. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t power;
} mve_channel;
""",
    ),
    (
        "mve_four",
        """\
/* The same of four channels, one a lane. */
typedef struct {
    int32_t bias[4];
    int32_t multiplier[4];
    int32_t power[4];
} mve_four;
""",
    ),
    (
        "mve_wide_four",
        """\
/* Bias and factor of four channels of int16. */
typedef struct {
    int32_t bias[4];
    int32_t factor[4];
} mve_wide_four;
""",
    ),
    (
        "mve_int8",
        """\
#if defined(__ARM_FEATURE_MVE)
/* The lowest byte of each lane: the lane saturated to int8. */
static inline int32x4_t mve_int8(int32x4_t x) {
    const int16x8_t half = vqmovnbq_s32(vreinterpretq_s16_s32(x), x);
    return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(half), half));
}
#endif
""",
    ),
    (
        "mve_value",
        """\
#if !defined(__ARM_FEATURE_MVE)
/* sum * multiplier * 2^(power - 31), rounded twice as TensorFlow Lite does, plus zero, clamped. */
static inline int8_t mve_value(int32_t sum, const mve_channel *c, int32_t zero, int32_t low, int32_t high) {
    const int32_t product = (int32_t)(((int64_t)sum * c->multiplier + ((int64_t)1 << 30)) >> 31);
    const int32_t x = ((((product + (product >> 31)) >> (-1 - c->power)) + 1) >> 1) + zero;
    return (int8_t)(x < low ? low : (x > high ? high : x));
}
#endif
""",
    ),
    (
        "mve_copy16",
        """\
/* 16 bytes from anywhere to anywhere. */
static inline void mve_copy16(int8_t *to, const int8_t *from) {
#if defined(__ARM_FEATURE_MVE)
    const int32x4_t bytes = vreinterpretq_s32_s8(vldrbq_s8(from));
    vstrbq_s8(to, vreinterpretq_s8_s32(bytes));
#else
    memcpy(to, from, 16);
#endif
}
""",
    ),
)
"""(name, definition) of what MVE kernels may use."""

VALUE_ONCE = """\
#if !defined(__ARM_FEATURE_MVE)
/* sum * multiplier * 2^(power - 31), rounded once, plus zero, clamped. */
static inline int8_t mve_value(int32_t sum, const mve_channel *c, int32_t zero, int32_t low, int32_t high) {
    const int64_t half = (int64_t)1 << (30 - c->power);
    const int32_t x = (int32_t)(((int64_t)sum * c->multiplier + half) >> (31 - c->power)) + zero;
    return (int8_t)(x < low ? low : (x > high ? high : x));
}
#endif
"""
"""mve_value of a graph that rounds once."""


def table(name: str, arithmetic: Accumulate, channel_axis: int = 0) -> str:
    """Definition of a layer's ``mve_channel`` array; a power is -r."""
    rows = channel_rows(arithmetic, channel_axis).tolist()
    cells = [f"{{{int32(bias)}, {int32(multiplier)}, {power}}}" for bias, multiplier, power in rows]
    return f"static const mve_channel {name}[{len(cells)}] = {{\n{array_lines(cells)}\n}};\n"


def channel_rows(arithmetic: Accumulate, channel_axis: int) -> np.ndarray:
    """Bias, factor and power of every channel, int64 [O, 3]; for int16 the power is 0 and not used."""
    if arithmetic.clamp.dtype == "int16":
        words = wide_requantize.channel_words(arithmetic, channel_axis)
        assert words is not None
        return np.pad(words, ((0, 0), (0, 1)))
    powers = np.where(arithmetic.multiplier == 0, -1, arithmetic.shift.astype(np.int64))
    return np.stack([arithmetic.folded_bias.astype(np.int64), arithmetic.multiplier.astype(np.int64), powers], axis=1)


def finish_one(arithmetic: Accumulate) -> str:
    """A C expression: the output from the sum ``s`` and ``c``, a pointer to its channel."""
    if arithmetic.clamp.dtype == "int16":
        return wide_requantize.value(arithmetic, "s", "c->multiplier")
    clamp, zero = arithmetic.clamp, arithmetic.output_zero_point
    return f"mve_value(s, c, {paren(zero)}, {paren(clamp.low)}, {paren(clamp.high)})"


def finish(arithmetic: Accumulate, sums: str, multiplier: str, power: str, each: bool = False) -> list[str]:
    """Statements that turn the vector ``sums`` into output values, in the lowest byte or half of each lane.

    Args:
        arithmetic: whose zero point and clamp are constants in the text.
        sums: name of an ``int32x4_t``, bias included.
        multiplier: factor, an int32_t expression.
        power: -r, likewise.
        each: both are vectors, a lane for each sum.
    """
    kind = "" if each else "_n"
    zero, clamp = arithmetic.output_zero_point, arithmetic.clamp
    if clamp.dtype == "int16":
        factors = multiplier if each else f"vdupq_n_s32({multiplier})"
        limits = f"vdupq_n_s32({paren(clamp.low)})), vdupq_n_s32({clamp.high})"
        return [f"{sums} = vrmulhq_s32({sums}, {factors});", f"{sums} = vminq_s32(vmaxq_s32({sums}, {limits});"]
    once = arithmetic.rounding == ONCE
    lines = [f"{sums} = {'vqdmulhq' if once else 'vqrdmulhq'}{kind}_s32({sums}, {multiplier});"]
    if clamp.low < zero and not once:
        lines.append(f"{sums} = vaddq_s32({sums}, vshrq_n_s32({sums}, 31));")
    lines.append(f"{sums} = vrshlq{kind}_s32({sums}, {power});")
    if zero:
        lines.append(f"{sums} = vaddq_n_s32({sums}, {paren(zero)});")
    if clamp.low > -128:
        lines.append(f"{sums} = vmaxq_s32({sums}, vdupq_n_s32({paren(clamp.low)}));")
    if clamp.high < 127:
        lines.append(f"{sums} = vminq_s32({sums}, vdupq_n_s32({paren(clamp.high)}));")
    if clamp.low == -128 or clamp.high == 127:
        lines.append(f"{sums} = mve_int8({sums});")
    return lines


def channel_fields(part: bool) -> dict[str, str]:
    """Vectors of four channels' fields, gathered with the offsets ``places``: name to C expression.

    Args:
        part: only the channels that ``live`` predicates are there.
    """
    zeroing, live = ("_z", ", live") if part else ("", "")
    names = {"biases": "bias", "factors": "multiplier", "powers": "power"}
    return {name: f"vldrwq_gather_offset{zeroing}_s32(&c->{field}, places{live})" for name, field in names.items()}
