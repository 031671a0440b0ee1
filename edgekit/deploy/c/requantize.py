"""relu, relu6 and int8 → int8 quantize in C: element by element, correct in place."""

from __future__ import annotations

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import RequantizeParams

_REQUANTIZE = """\
static void @self@(const int8_t *x, int8_t *y) {
    for (int32_t i = 0; i < @elements@; i++) {
        y[i] = clamp(@value@, @low@, @high@);
    }
}
"""


def emit_requantize(layer: Layer) -> Code:
    """relu, relu6, quantize: x int8 to y int8 of the same shape.

    Raises:
        UnsupportedOpError: a quantize from float32 inside the model (at its start it falls away).
    """
    if not isinstance(layer.params, RequantizeParams):
        raise UnsupportedOpError(
            "float32 inside the model cannot be compiled", where=layer.node.name, mend="quantize the whole model"
        )
    params = layer.params
    value = "x[i]"
    if params.rescale is not None:
        centred = f"x[i] - {paren(params.input_zero_point)}"
        scaled = f"rescale({centred}, {params.rescale.multiplier}, {paren(params.rescale.shift)})"
        value = f"{scaled} + {paren(params.output_zero_point)}"
    text = fill(
        _REQUANTIZE, self="@self@", elements=layer.output.elements, value=value,
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    function = Function(f"{layer.node.op}_{layer.output.elements}", text)
    return Code("{f0}({x}, {y});", (function,), kernel=function.name)
