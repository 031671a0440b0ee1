"""minimum, maximum, squared_difference and prelu with broadcasting in C."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import broadcast, loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import AddParams, ExtremeParams, PreluParams, Rescale

_PAIRS = """\
static void @self@(const @type@ *a, const @type@ *b, @type@ *y) {
@nest@}
"""

_SQUARE = """\
const int32_t difference = @first@ - @second@;
y[@at_y@] = clamp(rescale(difference * difference, @multiplier@, @shift@) + @zero@, @low@, @high@);
"""


def emit_extreme(layer: Layer) -> Code:
    """minimum, maximum: a and b to y, all int8 or all int16."""
    sign = ">" if cast(ExtremeParams, layer.params).largest else "<"
    at_a, at_b, at_y, _ = _places(layer)
    return _code(layer, f"y[{at_y}] = a[{at_a}] {sign} b[{at_b}] ? a[{at_a}] : b[{at_b}];\n")


def emit_squared_difference(layer: Layer) -> Code:
    """squared_difference: (a − b)² to y, all int8."""
    params = cast(AddParams, layer.params)
    at_a, at_b, at_y, _ = _places(layer)
    sides = zip((f"a[{at_a}]", f"b[{at_b}]"), params.zero_points, params.rescales, strict=True)
    first, second = (_rescaled(value, zero, rescale, params.left_shift) for value, zero, rescale in sides)
    body = fill(
        _SQUARE, first=first, second=second, at_y=at_y, multiplier=params.output_rescale.multiplier,
        shift=paren(params.output_rescale.shift), zero=paren(params.output_zero_point), low=paren(params.clamp.low),
        high=paren(params.clamp.high),
    )  # fmt: skip
    return _code(layer, body)


_PRELU = """\
const int32_t centred = a[@at_a@] - @zero@;
if (centred >= 0) {
    y[@at_y@] = clamp(rescale(centred, @positive@) + @zero_out@, @low@, @high@);
} else {
    y[@at_y@] = clamp(rescale(centred * (b[@at_b@] - @zero_slope@), @negative@) + @zero_out@, @low@, @high@);
}
"""


def emit_prelu(layer: Layer) -> Code:
    """prelu: a and the slopes b to y, all int8."""
    params = cast(PreluParams, layer.params)
    at_a, at_b, at_y, _ = _places(layer)
    positive, negative = (f"{item.multiplier}, {paren(item.shift)}" for item in (params.positive, params.negative))
    body = fill(
        _PRELU, at_a=at_a, at_b=at_b, at_y=at_y, zero=paren(params.zero_points[0]), positive=positive,
        negative=negative, zero_slope=paren(params.zero_points[1]), zero_out=paren(params.output_zero_point),
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    return _code(layer, body)


def _rescaled(value: str, zero: int, rescale: Rescale, left: int) -> str:
    return f"rescale(({value} - {paren(zero)}) * {1 << left}, {rescale.multiplier}, {paren(rescale.shift)})"


def _places(layer: Layer) -> tuple[str, str, str, tuple[int, ...]]:
    """Offsets of both operands and of the output inside the loops, and the loops' dims."""
    dims, steps = broadcast([tensor.dims for tensor in layer.inputs], layer.output.dims)
    axes = list(range(len(dims)))
    at_a, at_b, at_y = (offset(dims, step, axes) for step in (*steps, strides(dims)))
    return at_a, at_b, at_y, dims


def _code(layer: Layer, body: str) -> Code:
    kind, dims = element(layer.output), _places(layer)[3]
    text = fill(_PAIRS, self="@self@", type=kind.name, nest=indent(loops(dims, list(range(len(dims))), body)))
    function = Function(f"{layer.node.op}{kind.suffix}_" + "x".join(map(str, dims)), text)
    arguments = ", ".join(argument(kind, place) for place in ("{x}", "{x1}", "{y}"))
    return Code(f"{{f0}}({arguments});", (function,), kernel=function.name)
