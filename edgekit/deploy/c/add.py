"""add with numpy broadcasting in C."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import AddParams
from edgekit.graph.tensor import Tensor

_ADD = """\
static void @self@(const int8_t *a, const int8_t *b, int8_t *y) {
@nest@}
"""

_ONE = """\
const int32_t sum = rescale((a[@at_a@] - @zero_a@) * @unit@, @multiplier_a@, @shift_a@)
                  + rescale((b[@at_b@] - @zero_b@) * @unit@, @multiplier_b@, @shift_b@);
y[@at_y@] = clamp(rescale(sum, @multiplier@, @shift@) + @zero@, @low@, @high@);
"""


def emit_add(layer: Layer) -> Code:
    """add: int8 a + int8 b to y int8; correct for y on the buffer of an input of y's shape."""
    params = cast(AddParams, layer.params)
    dims = _merged(layer)
    axes = range(len(dims[2]))
    steps = [_broadcast(dims[i], dims[2]) for i in range(3)]
    at_a, at_b, at_y = (offset(dims[2], step, list(axes)) for step in steps)
    (zero_a, zero_b), (first, second) = params.zero_points, params.rescales
    body = fill(
        _ONE, at_a=at_a, zero_a=paren(zero_a), unit=1 << params.left_shift, multiplier_a=first.multiplier,
        shift_a=paren(first.shift), at_b=at_b, zero_b=paren(zero_b), multiplier_b=second.multiplier,
        shift_b=paren(second.shift), at_y=at_y, multiplier=params.output_rescale.multiplier,
        shift=paren(params.output_rescale.shift), zero=paren(params.output_zero_point),
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    text = fill(_ADD, self="@self@", nest=indent(loops(dims[2], list(axes), body)))
    function = Function("add_" + "x".join(map(str, dims[2])), text)
    return Code("{f0}({x}, {x1}, {y});", (function,), kernel=function.name)


def _merged(layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Dims of a, b and y at one rank; a single axis when nothing is broadcast."""
    rank = len(layer.output.dims)
    a, b = (_lead(tensor, rank) for tensor in layer.inputs)
    y = layer.output.dims
    if a == b == y:
        return ((layer.output.elements,),) * 3
    return a, b, y


def _lead(tensor: Tensor, rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(tensor.dims)) + tensor.dims


def _broadcast(dims: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor of ``dims``, 0 along axes on which it repeats."""
    return tuple(0 if dims[i] == 1 and out[i] > 1 else step for i, step in enumerate(strides(dims)))
