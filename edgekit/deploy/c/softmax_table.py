"""softmax on int8 in C with a table of exponentials: 1 KiB of flash instead of a polynomial twice an element.

A row's differences from its largest value are 256 integers at most. The table holds twice TensorFlow Lite's exp of
each (F0 as an unsigned word), 0 where it counts as nothing. Both roundings behind it are of positive numbers and
become one: with p = ⌊(2e·r + 2³¹) / 2³²⌋, ⌊(p + 2^(s−1)) / 2^s⌋ is ⌊(2e·r + 2³¹ + 2^(s+31)) / 2^(s+32)⌋.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.softmax import RECIPROCAL, SATURATE
from edgekit.deploy.c.text import array_lines, fill
from edgekit.graph.integer.exponential import exp_on_negative_values
from edgekit.graph.integer.fixed_point import multiply_by_quantized_multiplier
from edgekit.graph.integer.params import SoftmaxParams

ENTRIES = 256
DEEPEST = 511
"""Elements of a row whose sum of exponentials leaves a shift of at most 31 bits."""

ROW = """\
/* One row of @depth@ elements. */
static void @self@(const uint32_t *table, const int8_t *x, int8_t *y) {
    int32_t largest = -128;
    uint32_t sum = 0;
    int32_t headroom = 0;
    for (int32_t i = 0; i < @depth@; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (int32_t i = 0; i < @depth@; i++) {
        sum += ((table[largest - x[i]] >> 12) + 1u) >> 1;
    }
    while (((sum << headroom) & 0x80000000u) == 0) {
        headroom++;
    }
    const uint32_t reciprocal = (uint32_t)@f0@((int32_t)((sum << headroom) - 0x80000000u));
    const uint32_t shift = (uint32_t)(35 - headroom);
    const uint64_t half = (uint64_t)(((uint32_t)1 << shift) >> 1) << 32 | 0x80000000u;
    for (int32_t i = 0; i < @depth@; i++) {
        const uint32_t value = (uint32_t)(((uint64_t)table[largest - x[i]] * reciprocal + half) >> 32) >> shift;
        y[i] = (int8_t)((int32_t)(value > 255 ? 255 : value) - 128);
    }
}
"""

_ROWS = """\
static void @self@(const uint32_t *table, const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        @f0@(table, x, y);
        x += @depth@;
        y += @depth@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """Rows of at most DEEPEST elements."""
    return layer.output.dims[-1] <= DEEPEST


def emit_softmax(layer: Layer) -> Code:
    """Softmax over the last axis: x int8 [..., K] to y int8 [..., K] of scale 1/256 and zero point −128."""
    depth = layer.output.dims[-1]
    return over_rows(layer, row_functions(depth), depth)


def row_functions(depth: int) -> tuple[Function, ...]:
    """Functions, of which the last is ``(table, x, y)`` over one row; y may be x."""
    return (
        Function("saturate_shift", SATURATE),
        Function("one_over_one_plus", RECIPROCAL),
        Function(f"softmax_of_{depth}", fill(ROW, self="@self@", f0="@f1@", depth=depth)),
    )


def over_rows(layer: Layer, functions: tuple[Function, ...], depth: int) -> Code:
    """A layer whose rows the last of ``functions`` computes one at a time."""
    rows = layer.output.elements // depth
    table = f"exponentials_{layer.index}"
    row = f"@f{len(functions) - 1}@"
    whole = Function(f"softmax_{rows}x{depth}", fill(_ROWS, self="@self@", f0=row, rows=rows, depth=depth))
    call = f"{{f{len(functions)}}}({table}, {{x}}, {{y}});"
    data = (exponentials(table, cast(SoftmaxParams, layer.params)),)
    return Code(call, (*functions, whole), data, kernel=whole.name)


def exponentials(name: str, params: SoftmaxParams) -> str:
    """Definition of the table."""
    difference = -np.arange(ENTRIES, dtype=np.int64)
    counted = difference >= params.diff_min
    rescaled = multiply_by_quantized_multiplier(
        np.where(counted, difference, 0), params.rescale.multiplier, params.rescale.shift
    )
    values = np.where(counted, 2 * exp_on_negative_values(rescaled), 0)
    lines = array_lines(f"{value}u" for value in values.tolist())
    return f"static const uint32_t {name}[{ENTRIES}] = {{\n{lines}\n}};\n"
