"""add and sub with numpy broadcasting in C."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren, scaled
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
const int32_t sum = @first@ @sign@ @second@;
y[@at_y@] = @clamp@(@value@ + @zero@, @low@, @high@);
"""


def emit_add(layer: Layer) -> Code:
    """add, sub: a ± b to y, all int8 or all int16; correct for y on the buffer of an input of y's shape."""
    params = cast(AddParams, layer.params)
    dims, steps = broadcast([tensor.dims for tensor in layer.inputs], layer.output.dims)
    axes = list(range(len(dims)))
    at_a, at_b, at_y = (offset(dims, step, axes) for step in (*steps, strides(dims)))
    kind, dsp = element(layer.output), layer.target.dsp
    body = fill(
        _ONE, clamp=kind.clamp, first=addend(f"a[{at_a}]", params, 0, dsp), second=addend(f"b[{at_b}]", params, 1, dsp),
        sign="+" if params.sign > 0 else "-", at_y=at_y,
        value=scaled("sum", params.output_rescale, "sum * 2" if dsp else ""), zero=paren(params.output_zero_point),
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    text = fill(_ADD, self="@self@", type=kind.name, nest=indent(loops(dims, axes, body)))
    function = Function(f"{layer.node.op}{kind.suffix}_" + "x".join(map(str, dims)), text)
    arguments = ", ".join(argument(kind, place) for place in ("{x}", "{x1}", "{y}"))
    return Code(f"{{f0}}({arguments});", (function,), kernel=function.name)


def addend(value: str, params: AddParams, index: int, dsp: bool) -> str:
    """A C expression: an input in the unit of the sum. Twice of it fits int32: 16 bits times 2^16, or 9 times 2^21."""
    centred, how = f"({value} - {paren(params.zero_points[index])})", params.rescales[index]
    unit = 1 << params.left_shift
    if how.is_half:  # the input of the larger scale
        return f"{centred} * {unit // 2}"
    return scaled(f"{centred} * {unit}", how, f"{centred} * {2 * unit}" if dsp else "")
