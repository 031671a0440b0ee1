"""mul with broadcasting in C."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren, scaled
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import broadcast, loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import MulParams

_MUL = """\
static void @self@(const @type@ *a, const @type@ *b, @type@ *y) {
@nest@}
"""

_ONE = """\
const int32_t product = (a[@at_a@] - @zero_a@) * (b[@at_b@] - @zero_b@);
y[@at_y@] = @clamp@(@value@ + @zero@, @low@, @high@);
"""


def emit_mul(layer: Layer) -> Code:
    """mul: a · b to y, all int8 or all int16; correct for y on the buffer of an input of y's shape."""
    params = cast(MulParams, layer.params)
    dims, steps = broadcast([tensor.dims for tensor in layer.inputs], layer.output.dims)
    axes = list(range(len(dims)))
    at_a, at_b, at_y = (offset(dims, step, axes) for step in (*steps, strides(dims)))
    kind, narrow = element(layer.output), layer.output.dtype == "int8"  # the square of -32768 has no double
    body = fill(
        _ONE, clamp=kind.clamp,
        at_a=at_a, zero_a=paren(params.zero_points[0]), at_b=at_b, zero_b=paren(params.zero_points[1]),
        at_y=at_y, value=scaled("product", params.rescale, "product * 2" if narrow and layer.target.dsp else ""),
        zero=paren(params.output_zero_point), low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    text = fill(_MUL, self="@self@", type=kind.name, nest=indent(loops(dims, axes, body)))
    function = Function(f"mul{kind.suffix}_" + "x".join(map(str, dims)), text)
    arguments = ", ".join(argument(kind, place) for place in ("{x}", "{x1}", "{y}"))
    return Code(f"{{f0}}({arguments});", (function,), kernel=function.name)
