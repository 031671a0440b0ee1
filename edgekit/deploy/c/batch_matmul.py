"""batch_matmul in C, on int8 and int16: one dot product an output, strides instead of transposed copies."""

from __future__ import annotations

from math import prod
from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import MatmulParams

_MATMUL = """\
static void @self@(const @type@ *a, const @type@ *b, @type@ *y) {
@nest@}
"""

_ONE = """\
const @type@ *row = a + @at_a@;
const @type@ *column = b + @at_b@;
@sum_type@ sum = 0;
for (int32_t k = 0; k < @depth@; k++) {
    sum += @product@;
}
*y++ = @clamp@(@rescale@(sum, @multiplier@, @shift@) + @zero@, @low@, @high@);
"""


def emit_batch_matmul(layer: Layer) -> Code:
    """batch_matmul: a […, M, K] times b […, K, C] to y […, M, C], all int8 or all int16, batches broadcast."""
    params = cast(MatmulParams, layer.params)
    dims = layer.output.dims
    rank = len(dims)
    axes = list(range(rank))
    first, second = ((1,) * (rank - len(t.dims)) + t.dims for t in layer.inputs)
    depth = first[-2] if params.adj_x else first[-1]
    steps_a, step_a = _steps(first, params.adj_x, rank - 2, -1)
    steps_b, step_b = _steps(second, params.adj_y, rank - 1, -2)
    kind = element(layer.output)
    product = f"(row[k{_times(step_a)}] - {paren(params.zero_points[0])}) * (column[k{_times(step_b)}]"
    body = fill(
        _ONE, type=kind.name, at_a=offset(dims, steps_a, axes), at_b=offset(dims, steps_b, axes), depth=depth,
        sum_type=kind.sum_type, product=f"{product} - {paren(params.zero_points[1])})", clamp=kind.clamp,
        rescale=kind.rescale_sum, multiplier=params.rescale.multiplier, shift=paren(params.rescale.shift),
        zero=paren(params.output_zero_point), low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    text = fill(_MATMUL, self="@self@", type=kind.name, nest=indent(loops(dims, axes, body)))
    shape = f"{prod(dims[:-2])}x{dims[-2]}x{depth}x{dims[-1]}"
    function = Function(f"matmul{kind.suffix}_{shape}", text)
    arguments = ", ".join(argument(kind, place) for place in ("{x}", "{x1}", "{y}"))
    return Code(f"{{f0}}({arguments});", (function,), kernel=function.name)


def _steps(dims: tuple[int, ...], transposed: bool, own: int, depth_axis: int) -> tuple[tuple[int, ...], int]:
    """Strides of an operand along the output's axes (0 where it repeats), and along the summed axis.

    ``own`` is the output axis that the operand gives, ``depth_axis`` its summed axis when not transposed.
    """
    dense = strides(dims)
    summed = depth_axis if not transposed else -3 - depth_axis
    kept = -3 - summed
    steps = [0 if dim == 1 else step for dim, step in zip(dims[:-2], dense[:-2], strict=True)]
    last = [dense[kept] if axis == own else 0 for axis in (len(dims) - 2, len(dims) - 1)]
    return (*steps, *last), dense[summed]


def _times(step: int) -> str:
    return "" if step == 1 else f" * {step}"
