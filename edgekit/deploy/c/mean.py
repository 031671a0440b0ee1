"""mean and sum over any axes in C."""

from __future__ import annotations

from typing import cast

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.accumulate import paren, scaled
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import MeanParams

_MEAN = """\
static void @self@(const @type@ *x, @type@ *y) {
@nest@}
"""

_ONE = """\
const @type@ *from = x + @start@;
int32_t sum = @start_sum@;
@inner@*y++ = @clamp@(@value@ + @zero@, @low@, @high@);
"""


def emit_mean(layer: Layer) -> Code:
    """mean, sum: x of any rank, averaged or summed over the layer's axes, to y, both int8 or both int16.

    Raises:
        UnsupportedOpError: so many elements a mean that their sum can leave int32.
    """
    params = cast(MeanParams, layer.params)
    if params.count * 2 * (params.clamp.high + 1) >= 1 << 31:
        raise UnsupportedOpError("the int32 sum can overflow", where=layer.node.name, mend="pool in two steps")
    dims = layer.inputs[0].dims
    steps = strides(dims)
    kept = [axis for axis in range(len(dims)) if axis not in params.axes]
    inner = loops(dims, params.axes, f"sum += from[{offset(dims, steps, params.axes)}];\n")
    kind = element(layer.output)
    doubled = "sum * 2" if layer.target.dsp and params.count * 4 * (params.clamp.high + 1) < 1 << 31 else ""
    body = fill(
        _ONE, type=kind.name, clamp=kind.clamp, low=paren(params.clamp.low), high=paren(params.clamp.high),
        start=offset(dims, steps, kept), start_sum=-params.count * params.input_zero_point, inner=inner,
        value=scaled("sum", params.rescale, doubled), zero=paren(params.output_zero_point),
    )  # fmt: skip
    text = fill(_MEAN, self="@self@", type=kind.name, nest=indent(loops(dims, kept, body)))
    function = Function(f"{layer.node.op}{kind.suffix}_of_" + "x".join(map(str, dims)), text)
    return Code(f"{{f0}}({argument(kind, '{x}')}, {argument(kind, '{y}')});", (function,), kernel=function.name)
