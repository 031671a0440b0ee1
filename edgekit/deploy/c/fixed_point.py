"""Fixed-point helpers in C, bit-exact with graph/integer/fixed_point.py.

Kernels call the same functions however the graph rounds (graph/rounding.py); what these compute differs, as it does in
TensorFlow Lite with TFLITE_SINGLE_ROUNDING.

Right shifts of negative values are arithmetic on every compiler that edgekit drives (C11 leaves them to it, 6.5.7p5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from edgekit.deploy.c.dsp.channels import HELPERS as DSP_CHANNELS
from edgekit.deploy.c.dsp.intrinsics import DSP_HELPERS
from edgekit.deploy.c.dsp.requantize import HELPERS as DSP_REQUANTIZE
from edgekit.deploy.c.linear import LINEAR_HELPERS
from edgekit.deploy.c.mve.requantize import HELPERS as MVE_HELPERS
from edgekit.deploy.c.mve.requantize import VALUE_ONCE as MVE_VALUE_ONCE
from edgekit.deploy.c.neon.requantize import HELPERS as NEON_HELPERS
from edgekit.deploy.c.neon.requantize import VALUE_ONCE as NEON_VALUE_ONCE
from edgekit.deploy.c.recurrent_helpers import RECURRENT_HELPERS
from edgekit.graph.rounding import ONCE, Rounding

_PORTABLE: tuple[tuple[str, str], ...] = (
    (
        "high_mul",
        """\
/* (2 * a * b) >> 32 rounded: gemmlowp SaturatingRoundingDoublingHighMul, not both INT32_MIN. */
static inline int32_t high_mul(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}
""",
    ),
    (
        "divide_by_power",
        """\
/* x / 2^exponent to nearest, halves away from zero: gemmlowp RoundingDivideByPOT, 0 <= exponent <= 31. */
static inline int32_t divide_by_power(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}
""",
    ),
    (
        "rescale",
        """\
/* x * multiplier * 2^(shift - 31): TensorFlow Lite MultiplyByQuantizedMultiplier with double rounding. */
static inline int32_t rescale(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    return divide_by_power(high_mul((int32_t)((uint32_t)x << left), multiplier), right);
}
""",
    ),
    (
        "rescale_right",
        """\
/* x * multiplier * 2^(-shift - 32), rounded twice as TensorFlow Lite does: right shifts by at least one bit. */
static inline int32_t rescale_right(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t high = high_mul(x, multiplier);
    return (((high + (high >> 31)) >> shift) + 1) >> 1;
}
""",
    ),
    (
        "clamp",
        """\
static inline int8_t clamp(int32_t x, int32_t low, int32_t high) {
    x = x < low ? low : x;
    return (int8_t)(x > high ? high : x);
}
""",
    ),
    (
        "clamp16",
        """\
static inline int16_t clamp16(int32_t x, int32_t low, int32_t high) {
    x = x < low ? low : x;
    return (int16_t)(x > high ? high : x);
}
""",
    ),
    (
        "rescale_wide",
        """\
/* x * multiplier * 2^(shift - 31) with 16 bits of the multiplier: TensorFlow Lite's rescaling of 64-bit sums. */
static inline int32_t rescale_wide(int64_t x, int32_t multiplier, int32_t shift) {
    const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    return (int32_t)((x * reduced + ((int64_t)1 << (14 - shift))) >> (15 - shift));
}
""",
    ),
    (
        "wide_channel",
        """\
/* Requantization of one output channel of int16 activations. */
typedef struct {
    int64_t bias;
    int32_t multiplier;
    int32_t shift;
} wide_channel;
""",
    ),
    (
        "channel",
        """\
/* Requantization of one output channel: bias with the input's zero point folded in, factor, shift. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
} channel;
""",
    ),
)
HELPERS = (
    *_PORTABLE, *LINEAR_HELPERS.items(), *RECURRENT_HELPERS, *DSP_HELPERS, *DSP_CHANNELS, *DSP_REQUANTIZE,
    *MVE_HELPERS, *NEON_HELPERS,
)  # fmt: skip
"""(name, definition), callees first."""

_ONCE: Mapping[str, str] = MappingProxyType(
    {
        "rescale": """\
/* x * multiplier * 2^(shift - 31), rounded once: MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING. */
static inline int32_t rescale(int32_t x, int32_t multiplier, int32_t shift) {
    return (int32_t)(((int64_t)x * multiplier + ((int64_t)1 << (30 - shift))) >> (31 - shift));
}
""",
        "rescale_right": """\
/* x * multiplier * 2^(-shift - 32), rounded once, halves up: what is cut off first does not matter to a half. */
static inline int32_t rescale_right(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t high = (int32_t)(((int64_t)x * multiplier) >> 31);
    return ((high >> shift) + 1) >> 1;
}
""",
        "mve_value": MVE_VALUE_ONCE,
        "neon_value": NEON_VALUE_ONCE,
    }
)
"""What takes the place of definitions in a graph that rounds once."""

_FUNCTION = re.compile(r"^static inline", re.MULTILINE)
_MAYBE_UNUSED = "__attribute__((unused)) static inline"


def helpers(code: str, rounding: Rounding) -> str:
    """The definitions that ``code`` uses, directly or through one another; unused ones would be warned about.

    Args:
        code: of the model.
        rounding: of its graph.
    """
    used: list[str] = []
    twins = "#if defined(__ARM_FEATURE_MVE)" in code  # what only one of two bodies uses is not used everywhere
    for name, text in reversed(HELPERS):
        text = _ONCE.get(name, text) if rounding == ONCE else text
        if re.search(rf"\b{name}\b", code):
            used.insert(0, _FUNCTION.sub(_MAYBE_UNUSED, text) if twins else text)
            code += text
    return "\n".join(used)
