"""fully_connected with NEON, a row at a time (several rows are a pointwise conv2d: dense_as_conv.py)."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.neon.conv2d import block_kernel, filled_up, padded, provable
from edgekit.deploy.c.neon.requantize import table as channels
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import FullyConnectedParams

DEEPEST = 4096
"""Values of a row that are copied to the stack."""

_ROWS = """\
static void @self@(const int8_t *x, const int8_t *w, const int32_t *c, int8_t *y) {
    int8_t row[@padded@] = {0};
    for (int32_t n = 0; n < @rows@; n++) {
        memcpy(row, x, @depth@);
        @f0@(row, w, c, y);
        x += @depth@;
        y += @outputs@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """The requantization is proven, and a row has room on the stack."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    return provable(arithmetic) and arithmetic.weights.size <= DEEPEST * arithmetic.weights.shape[0]


def emit_fully_connected(layer: Layer) -> Code:
    """fully_connected: x int8 [rows, K] to y int8 [rows, O]."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    outputs = arithmetic.weights.shape[0]
    depth, rows = arithmetic.weights.size // outputs, layer.output.elements // outputs
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, filled_up(arithmetic)), channels(table, arithmetic))
    text = fill(_ROWS, self="@self@", padded=padded(depth), rows=rows, depth=depth, outputs=outputs, f0="@f0@")
    functions = (block_kernel(arithmetic, 1), Function(f"rows_{rows}x{depth}_to_{outputs}", text))
    call = f"{{f1}}({{x}}, {weights}, {table}, {{y}});"
    return Code(call, functions, data, kernel=f"neon {functions[1].name}")
