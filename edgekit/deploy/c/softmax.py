"""softmax on int8 in C: TensorFlow Lite's fixed-point reference, bit-exact with graph/integer/softmax.py.

Formats after gemmlowp: F<m> has m integer bits, real = raw / 2^(31 − m). Where gemmlowp saturates but the argument's
range leaves nothing to saturate, the text does not; where it rounds what is never negative, halves simply go up. Both
roundings of an element become one: with p = ⌊(2e·r + 2³¹) / 2³²⌋, ⌊(p + 2^(s−1)) / 2^s⌋ is
⌊(2e·r + 2³¹ + 2^(s+31)) / 2^(s+32)⌋.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.exponential import EXP_STEPS
from edgekit.graph.integer.params import SoftmaxParams

_EXP = """\
/* Twice exp of `below` steps below zero, F0; 0 where it counts as nothing. */
static uint32_t @self@(int32_t below) {
    static const int32_t factors[@steps@] = {@factors@};
    if (below == 0 || below > @most@) {
        return below == 0 ? 2u * INT32_MAX : 0;
    }
    const int32_t a = rescale(-below, @multiplier@, @shift@); /* F5 */
    const int32_t quarter = (int32_t)1 << 24;
    const int32_t a_mod = (a & (quarter - 1)) - quarter;
    const int32_t remainder = (int32_t)((uint32_t)a_mod - (uint32_t)a);
    /* exp on [-1/4, 0): a Taylor polynomial of degree 4 around -1/8. */
    const int32_t x = a_mod * 32 + ((int32_t)1 << 28);
    const int32_t x2 = high_mul(x, x);
    const int32_t x3 = high_mul(x2, x);
    const int32_t x4 = high_mul(x2, x2);
    const int32_t cubic = high_mul(((x4 + 2) >> 2) + x3, 715827883);
    const int32_t tail = (cubic + x2 + 1) >> 1;
    int32_t result = 1895147668 + high_mul(x + tail, 1895147668);
    for (int32_t i = 0; i < @steps@; i++) {
        if ((remainder & ((int32_t)1 << (24 + i))) != 0) {
            result = high_mul(result, factors[i]);
        }
    }
    return 2u * (uint32_t)result;
}
"""

RECIPROCAL = """\
/* 1 / (1 + a) for a in [0, 1), both F0: three Newton-Raphson steps. */
static int32_t @self@(int32_t a) {
    const int32_t half = (a >> 1) + ((int32_t)1 << 30);
    int32_t x = 1515870810 + high_mul(half, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        x += high_mul(x, ((int32_t)1 << 29) - high_mul(half, x)) * 4;
    }
    return x > INT32_MAX / 2 ? INT32_MAX : x * 2;
}
"""

_ROW = """\
/* One row of @depth@ elements. */
static void @self@(@table@const int8_t *x, int8_t *y) {
    int32_t largest = -128;
    uint32_t sum = 0;
    int32_t headroom = 0;
    for (int32_t i = 0; i < @depth@; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (int32_t i = 0; i < @depth@; i++) {
        sum += ((@exponential@ >> 12) + 1u) >> 1;
    }
    while (((sum << headroom) & 0x80000000u) == 0) {
        headroom++;
    }
    const uint32_t reciprocal = (uint32_t)@reciprocal@((int32_t)((sum << headroom) - 0x80000000u));
    const uint32_t shift = (uint32_t)(35 - headroom);
@deep@    const uint64_t half = (uint64_t)(((uint32_t)1 << shift) >> 1) << 32 | 0x80000000u;
    for (int32_t i = 0; i < @depth@; i++) {
        const uint32_t value = (uint32_t)(((uint64_t)@exponential@ * reciprocal + half) >> 32) >> shift;
        y[i] = (int8_t)((int32_t)(value > 255 ? 255 : value) - 128);
    }
}
"""

_DEEP = """\
    if (shift > 31) { /* more than 511 equal elements: each is less than half a step */
        memset(y, -128, @depth@);
        return;
    }
"""

_ROWS = """\
static void @self@(@table@const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        @f0@(@argument@x, y);
        x += @depth@;
        y += @depth@;
    }
}
"""

DEEPEST = 511
"""Elements of a row whose sum of exponentials leaves a shift of at most 31 bits."""


def emit_softmax(layer: Layer) -> Code:
    """Softmax over the last axis: x int8 [..., K] to y int8 [..., K] of scale 1/256 and zero point −128."""
    params = cast(SoftmaxParams, layer.params)
    depth = layer.output.dims[-1]
    factors = ", ".join(str(factor) for _, factor in EXP_STEPS)
    exponential = fill(
        _EXP, self="@self@", steps=len(EXP_STEPS), factors=factors, most=-params.diff_min,
        multiplier=params.rescale.multiplier, shift=paren(params.rescale.shift),
    )  # fmt: skip
    functions = (
        Function("exponential", exponential),
        Function("one_over_one_plus", RECIPROCAL),
        Function(f"softmax_of_{depth}", row_text(depth, "@f0@(largest - x[i])", "@f1@", tabled=False)),
    )
    function = rows_function(layer, 2, tabled=False)
    return Code("{f3}({x}, {y});", (*functions, function), kernel=function.name)


def row_text(depth: int, exponential: str, reciprocal: str, *, tabled: bool) -> str:
    """The C function ``([table,] x, y)`` over one row of ``depth`` elements; y may be x.

    Args:
        depth: K.
        exponential: expression: twice the exponential of ``x[i]``, F0.
        reciprocal: name of RECIPROCAL.
        tabled: the first parameter is a ``table`` of exponentials.
    """
    return fill(
        _ROW, self="@self@", table="const uint32_t *table, " if tabled else "", depth=depth, exponential=exponential,
        reciprocal=reciprocal, deep=fill(_DEEP, depth=depth) if depth > DEEPEST else "",
    )  # fmt: skip


def rows_function(layer: Layer, row: int, *, tabled: bool) -> Function:
    """A layer whose rows the function numbered ``row`` computes one at a time."""
    depth = layer.output.dims[-1]
    rows = layer.output.elements // depth
    text = fill(
        _ROWS, self="@self@", table="const uint32_t *table, " if tabled else "", rows=rows, depth=depth,
        f0=f"@f{row}@", argument="table, " if tabled else "",
    )  # fmt: skip
    return Function(f"softmax_{rows}x{depth}", text)
