"""fully_connected in C: rows of K elements times all filters."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import channel_table
from edgekit.deploy.c.dot import rows1, rows2
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, FullyConnectedParams

_PAIRS = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @pairs@; row++) {
        @f0@(w, c, x, x + @depth@, y, y + @outputs@);
        x += @two_depths@;
        y += @two_outputs@;
    }
@last@}
"""


def emit_fully_connected(layer: Layer) -> Code:
    """fully_connected: x int8 [rows, K] to y int8 [rows, O]."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (
        int8_array(weights, arithmetic.weights),
        channel_table(table, arithmetic, 0, layer.node.name),
    )
    functions = over_rows(arithmetic, layer.output.elements // arithmetic.weights.shape[0])
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}});"
    return Code(call, functions, data, kernel=functions[0].name)


def over_rows(arithmetic: Accumulate, rows: int) -> tuple[Function, ...]:
    """Functions, of which the last is ``(w, c, x, y)`` over ``rows`` contiguous rows, two at a time."""
    outputs = arithmetic.weights.shape[0]
    depth = arithmetic.weights.size // outputs
    if rows == 1:
        return (rows1(arithmetic),)
    last = "    @f1@(w, c, x, y);\n" if rows % 2 else ""
    text = fill(
        _PAIRS, self="@self@", f0="@f0@", pairs=rows // 2, depth=depth, outputs=outputs, two_depths=2 * depth,
        two_outputs=2 * outputs, last=last,
    )  # fmt: skip
    callees = (rows2(arithmetic), rows1(arithmetic)) if rows % 2 else (rows2(arithmetic),)
    return (*callees, Function(f"rows_{rows}x{depth}_to_{outputs}", text))
