"""softmax, logistic, tanh and rsqrt on int16 in C, bit-exact with graph/integer/interpolated.py."""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer, int16_array
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import WideRsqrtParams, WideSigmoidParams, WideSoftmaxParams

_LOOK_UP = """\
/* Entry of the high 9 bits, plus the slope times the low 7 bits. */
static int32_t @self@(int32_t x, const int16_t *table) {
    const int32_t index = 256 + (x >> 7);
    return table[index] + (((table[index + 1] - table[index]) * (x & 0x7F) + 64) >> 7);
}
"""

_EXP = """\
/* exp, Q0.15, of a difference in steps of 10 / 65535. */
static int32_t @self@(int32_t difference) {
@table@    const int32_t x = difference + 32767;
    return @f0@(x < -32768 ? -32768 : (x > 32767 ? 32767 : x), table);
}
"""

_SATURATE = """\
/* x * 2^exponent held within int32. */
static int32_t @self@(int32_t x, int32_t exponent) {
    const int64_t wide = (int64_t)x * ((int64_t)1 << exponent);
    return wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : (int32_t)wide);
}
"""

_RECIPROCAL = """\
/* 1 / (1 + x), Q0.15, for x in [0, 1) as -32768 ... 32767. */
static int32_t @self@(int32_t x) {
@table@    return @f0@(x < -32768 ? -32768 : (x > 32767 ? 32767 : x), table);
}
"""

_SOFTMAX = """\
static void @self@(const int16_t *x, int16_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        int32_t largest = -32768;
        int32_t sum = 0;
        int32_t headroom = 0;
        for (int32_t i = 0; i < @depth@; i++) {
            largest = x[i] > largest ? x[i] : largest;
        }
        for (int32_t i = 0; i < @depth@; i++) {
            y[i] = (int16_t)@f1@(rescale(x[i] - largest, @multiplier@, @shift@));
            sum += y[i];
        }
        while ((((uint32_t)sum << headroom) & 0x80000000u) == 0) {
            headroom++;
        }
        const int32_t shifted = (int32_t)((((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14);
        const int32_t reciprocal = @f2@(shifted - 98304);
        for (int32_t i = 0; i < @depth@; i++) {
            const int64_t product = (int64_t)y[i] * reciprocal;
            const int32_t value = (int32_t)((product + ((int64_t)1 << (30 - headroom))) >> (31 - headroom));
            y[i] = clamp16(value, 0, 32767);
        }
        x += @depth@;
        y += @depth@;
    }
}
"""

_SIGMOID = """\
static void @self@(const int16_t *x, int16_t *y) {
    for (int32_t i = 0; i < @elements@; i++) {
        const int32_t position = (x[i] * @multiplier@ + @half@) >> @shift@;
        const int32_t magnitude = position < 0 ? -position : position;
        const int32_t index = magnitude >> @bits@;
        int32_t value = @saturated@;
        if (index < 255) {
            value = (sigmoid_table[index] << @bits@);
            value += (magnitude & @mask@) * (sigmoid_table[index + 1] - sigmoid_table[index]);
        }
        y[i] = (int16_t)((@signed@) >> @out_bits@);
    }
}
"""

_ROOT = """\
/* 1 / sqrt(x) with 20 fractional bits for x >= 1: five Newton steps on 3 integer bits. */
static int32_t @self@(int32_t x) {
    int32_t pairs = 0;
    int32_t y = (int32_t)1 << 28;
    if (x <= 1) {
        return rescale(1, INT32_MAX, 20);
    }
    while ((((uint32_t)x << (2 * pairs)) & 0x60000000u) == 0) {
        pairs++;
    }
    pairs--;
    const int32_t half = divide_by_power((int32_t)(((uint32_t)x << (2 * pairs)) >> 1), 1);
    for (int32_t i = 0; i < 5; i++) {
        const int32_t cube = @f0@(high_mul(high_mul(y, y), y), 6);
        y = @f0@(high_mul((int32_t)3 << 27, y) - high_mul(half, cube), 3);
    }
    return rescale(1, high_mul(y, 1518500250), pairs + 9);
}
"""

INVERSE_ROOT = (Function("saturate_shift", _SATURATE), Function("inverse_root", _ROOT))
"""The second is ``(x)``: 1 / sqrt(x) with 20 fractional bits."""

_RSQRT = """\
static void @self@(const int16_t *x, int16_t *y) {
    for (int32_t i = 0; i < @elements@; i++) {
        y[i] = x[i] <= 0 ? (int16_t)32767 : clamp16(rescale(@f1@(x[i]), @multiplier@, @shift@), @low@, @high@);
    }
}
"""


def emit_wide_softmax(layer: Layer) -> Code:
    """Softmax over the last axis of int16; the exponentials lie in y between the two passes."""
    params = cast(WideSoftmaxParams, layer.params)
    depth = layer.output.dims[-1]
    rows = layer.output.elements // depth
    text = fill(
        _SOFTMAX, self="@self@", f1="@f1@", f2="@f2@", rows=rows, depth=depth,
        multiplier=params.rescale.multiplier, shift=paren(params.rescale.shift),
    )  # fmt: skip
    functions = (
        Function("table_513", _LOOK_UP),
        Function("exp_table", _tabled(_EXP, params.exponential)),
        Function("reciprocal_table", _tabled(_RECIPROCAL, params.reciprocal)),
        Function(f"softmax_wide_{rows}x{depth}", text),
    )
    return _call(layer, functions, "{f3}")


def emit_wide_sigmoid(layer: Layer) -> Code:
    """Logistic and tanh of int16, correct in place."""
    function = sigmoid_function(cast(WideSigmoidParams, layer.params), layer.output.elements)
    return _call(layer, (function,), "{f0}")


def sigmoid_function(params: WideSigmoidParams, elements: int) -> Function:
    """``(x, y)`` over int16: one table, interpolated, for both signs and both functions."""
    bits = 8 if params.is_tanh else 9
    signed = "position >= 0 ? value + 512 : 33554432 - value + 511"
    if params.is_tanh:
        signed = "position >= 0 ? value - 8388608 + 128 : 8388608 - value + 127"
    text = fill(
        _SIGMOID, self="@self@", elements=elements, multiplier=params.multiplier,
        half=(1 << params.shift) >> 1, shift=params.shift, bits=bits, mask=(1 << bits) - 1, signed=signed,
        saturated=(0xFFFF << 8) if params.is_tanh else (0x7FFF << 10), out_bits=8 if params.is_tanh else 10,
    )  # fmt: skip
    return Function(f"{'tanh' if params.is_tanh else 'logistic'}_wide_{elements}", text)


def emit_wide_rsqrt(layer: Layer) -> Code:
    """Rsqrt of int16, correct in place."""
    params = cast(WideRsqrtParams, layer.params)
    text = fill(
        _RSQRT, self="@self@", f1="@f1@", elements=layer.output.elements, multiplier=params.rescale.multiplier,
        shift=paren(params.rescale.shift - 20), low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    functions = (*INVERSE_ROOT, Function(f"rsqrt_wide_{layer.output.elements}", text))
    return _call(layer, functions, "{f2}")


def _tabled(template: str, values: np.ndarray) -> str:
    return fill(template, self="@self@", f0="@f0@", table=indent(int16_array("table", values)))


def _call(layer: Layer, functions: tuple[Function, ...], name: str) -> Code:
    kind = element(layer.output)
    call = f"{name}({argument(kind, '{x}')}, {argument(kind, '{y}')});"
    return Code(call, functions, kernel=functions[-1].name)
