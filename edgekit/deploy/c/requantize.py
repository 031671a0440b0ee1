"""relu, relu6 and quantize of integers in C: element by element, correct in place."""

from __future__ import annotations

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.accumulate import paren, scaled
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import fill
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import RequantizeParams

_REQUANTIZE = """\
static void @self@(const @from@ *x, @to@ *y) {
    for (int32_t i = 0; i < @elements@; i++) {
        y[i] = @clamp@(@value@, @low@, @high@);
    }
}
"""


def emit_requantize(layer: Layer) -> Code:
    """relu, relu6, quantize: x to y of the same shape; quantize also between int8 and int16.

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
        doubled = f"({centred}) * 2" if layer.target.dsp else ""
        value = f"{scaled(centred, params.rescale, doubled)} + {paren(params.output_zero_point)}"
    source, kind = element(layer.inputs[0]), element(layer.output)
    text = fill(
        _REQUANTIZE, **{"from": source.name, "to": kind.name}, clamp=kind.clamp,
        self="@self@", elements=layer.output.elements, value=value,
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    function = Function(f"{layer.node.op}_{layer.output.elements}", text)
    return Code(f"{{f0}}({argument(source, '{x}')}, {argument(kind, '{y}')});", (function,), kernel=function.name)
