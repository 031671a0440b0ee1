"""softmax on int8 in C with a table of exponentials: 1 KiB of flash instead of a polynomial twice an element.

A row's differences from its largest value are 256 integers at most. The table holds twice TensorFlow Lite's exp of
each (F0 as an unsigned word), 0 where it counts as nothing.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.softmax import DEEPEST, RECIPROCAL, row_text, rows_function
from edgekit.deploy.c.text import array_lines
from edgekit.graph.integer.exponential import exp_on_negative_values
from edgekit.graph.integer.params import SoftmaxParams

ENTRIES = 256


def fits(layer: Layer) -> bool:
    """Rows of at most DEEPEST elements."""
    return layer.output.dims[-1] <= DEEPEST


def emit_softmax(layer: Layer) -> Code:
    """Softmax over the last axis: x int8 [..., K] to y int8 [..., K] of scale 1/256 and zero point −128."""
    return over_rows(layer, row_functions(layer.output.dims[-1]))


def row_functions(depth: int) -> tuple[Function, ...]:
    """Functions, of which the last is ``(table, x, y)`` over one row; y may be x."""
    text = row_text(depth, "table[largest - x[i]]", "@f0@", tabled=True)
    return Function("one_over_one_plus", RECIPROCAL), Function(f"tabled_softmax_of_{depth}", text)


def over_rows(layer: Layer, functions: tuple[Function, ...]) -> Code:
    """A layer whose rows the last of ``functions`` computes one at a time."""
    table, whole = f"exponentials_{layer.index}", rows_function(layer, len(functions) - 1, tabled=True)
    call = f"{{f{len(functions)}}}({table}, {{x}}, {{y}});"
    data = (exponentials(table, cast(SoftmaxParams, layer.params)),)
    return Code(call, (*functions, whole), data, kernel=whole.name)


def exponentials(name: str, params: SoftmaxParams) -> str:
    """Definition of the table."""
    difference = -np.arange(ENTRIES, dtype=np.int64)
    counted = difference >= params.diff_min
    rescaled = params.rescale(np.where(counted, difference, 0))
    values = np.where(counted, 2 * exp_on_negative_values(rescaled), 0)
    lines = array_lines(f"{value}u" for value in values.tolist())
    return f"static const uint32_t {name}[{ENTRIES}] = {{\n{lines}\n}};\n"
