"""softmax on int8 in C: TensorFlow Lite's fixed-point reference, bit-exact with graph/integer/softmax.py.

Formats after gemmlowp: F<m> has m integer bits, real = raw / 2^(31 − m).
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.exponential import EXP_STEPS
from edgekit.graph.integer.params import SoftmaxParams

SATURATE = """\
/* x * 2^exponent held within int32. */
static int32_t @self@(int32_t x, int32_t exponent) {
    const int64_t wide = (int64_t)x * ((int64_t)1 << exponent);
    return wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : (int32_t)wide);
}
"""

_EXP = """\
/* exp(a) for a <= 0; a in F5, the result in F0. */
static int32_t @self@(int32_t a) {
    static const int32_t factors[@steps@] = {@factors@};
    const int32_t quarter = (int32_t)1 << 24;
    const int32_t a_mod = (a & (quarter - 1)) - quarter;
    const int32_t remainder = (int32_t)((uint32_t)a_mod - (uint32_t)a);
    /* exp on [-1/4, 0): a Taylor polynomial of degree 4 around -1/8. */
    const int32_t x = @f0@(a_mod, 5) + ((int32_t)1 << 28);
    const int32_t x2 = high_mul(x, x);
    const int32_t x3 = high_mul(x2, x);
    const int32_t x4 = high_mul(x2, x2);
    const int32_t cubic = high_mul(divide_by_power(x4, 2) + x3, 715827883);
    const int32_t tail = divide_by_power(cubic + x2, 1);
    int32_t result = 1895147668 + high_mul(x + tail, 1895147668);
    for (int32_t i = 0; i < @steps@; i++) {
        if ((remainder & ((int32_t)1 << (24 + i))) != 0) {
            result = high_mul(result, factors[i]);
        }
    }
    return a == 0 ? INT32_MAX : result;
}
"""

RECIPROCAL = """\
/* 1 / (1 + a) for a in [0, 1), both F0: three Newton-Raphson steps. */
static int32_t @self@(int32_t a) {
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) >> 1);
    int32_t x = 1515870810 + high_mul(half, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t residual = ((int32_t)1 << 29) - high_mul(half, x);
        x += @f0@(high_mul(x, residual), 2);
    }
    return @f0@(x, 1);
}
"""

_SOFTMAX = """\
static void @self@(const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        int32_t largest = -128;
        int32_t sum = 0;
        int32_t headroom = 0;
        for (int32_t i = 0; i < @depth@; i++) {
            largest = x[i] > largest ? x[i] : largest;
        }
        for (int32_t i = 0; i < @depth@; i++) {
            const int32_t difference = x[i] - largest;
            if (difference >= @diff_min@) {
                sum += divide_by_power(@f1@(rescale(difference, @multiplier@, @shift@)), 12);
            }
        }
        while ((((uint32_t)sum << headroom) & 0x80000000u) == 0) {
            headroom++;
        }
        const int32_t reciprocal = @f2@((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
        for (int32_t i = 0; i < @depth@; i++) {
            const int32_t difference = x[i] - largest;
            int32_t value = -128;
            if (difference >= @diff_min@ && headroom > 3) { /* more than 511 equal elements: less than half a step */
                const int32_t exponential = @f1@(rescale(difference, @multiplier@, @shift@));
                value += divide_by_power(high_mul(exponential, reciprocal), 35 - headroom);
            }
            y[i] = clamp(value, (-128), 127);
        }
        x += @depth@;
        y += @depth@;
    }
}
"""


def emit_softmax(layer: Layer) -> Code:
    """Softmax over the last axis: x int8 [..., K] to y int8 [..., K] of scale 1/256 and zero point −128."""
    params = cast(SoftmaxParams, layer.params)
    depth = layer.output.dims[-1]
    factors = ", ".join(str(factor) for _, factor in EXP_STEPS)
    functions = (
        Function("saturate_shift", SATURATE),
        Function("exp_negative", fill(_EXP, self="@self@", f0="@f0@", steps=len(EXP_STEPS), factors=factors)),
        Function("one_over_one_plus", RECIPROCAL),
        Function(f"softmax_{layer.output.elements // depth}x{depth}", _rows(params, layer.output.elements, depth)),
    )
    return Code("{f3}({x}, {y});", functions, kernel=functions[3].name)


def _rows(params: SoftmaxParams, elements: int, depth: int) -> str:
    return fill(
        _SOFTMAX, self="@self@", f1="@f1@", f2="@f2@", rows=elements // depth, depth=depth,
        diff_min=paren(params.diff_min), multiplier=params.rescale.multiplier, shift=paren(params.rescale.shift),
    )  # fmt: skip
