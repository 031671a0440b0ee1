"""add and sub with numpy broadcasting in C."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import broadcast, loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import AddParams

_ADD = """\
static void @self@(const @type@ *a, const @type@ *b, @type@ *y) {
@nest@}
"""

_ONE = """\
const int32_t sum = rescale((a[@at_a@] - @zero_a@) * @unit@, @multiplier_a@, @shift_a@)
                  @sign@ rescale((b[@at_b@] - @zero_b@) * @unit@, @multiplier_b@, @shift_b@);
y[@at_y@] = @clamp@(rescale(sum, @multiplier@, @shift@) + @zero@, @low@, @high@);
"""


def emit_add(layer: Layer) -> Code:
    """add, sub: a ± b to y, all int8 or all int16; correct for y on the buffer of an input of y's shape."""
    params = cast(AddParams, layer.params)
    dims, steps = broadcast([tensor.dims for tensor in layer.inputs], layer.output.dims)
    axes = list(range(len(dims)))
    at_a, at_b, at_y = (offset(dims, step, axes) for step in (*steps, strides(dims)))
    (zero_a, zero_b), (first, second) = params.zero_points, params.rescales
    sign = "+" if params.sign > 0 else "-"
    kind = element(layer.output)
    body = fill(
        _ONE, clamp=kind.clamp,
        at_a=at_a, zero_a=paren(zero_a), unit=1 << params.left_shift, multiplier_a=first.multiplier,
        shift_a=paren(first.shift), at_b=at_b, sign=sign, zero_b=paren(zero_b), multiplier_b=second.multiplier,
        shift_b=paren(second.shift), at_y=at_y, multiplier=params.output_rescale.multiplier,
        shift=paren(params.output_rescale.shift), zero=paren(params.output_zero_point),
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    text = fill(_ADD, self="@self@", type=kind.name, nest=indent(loops(dims, axes, body)))
    function = Function(f"{layer.node.op}{kind.suffix}_" + "x".join(map(str, dims)), text)
    arguments = ", ".join(argument(kind, place) for place in ("{x}", "{x1}", "{y}"))
    return Code(f"{{f0}}({arguments});", (function,), kernel=function.name)
