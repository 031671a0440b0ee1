"""transpose, slice and concat in C: runs of bytes that stay together are copied as a whole."""

from __future__ import annotations

from math import prod
from typing import cast

from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params_moves import ConcatParams, SliceParams, TransposeParams

_MOVE = """\
static void @self@(const int8_t *x, int8_t *y) {
@nest@}
"""

_CONCAT = """\
static void @self@(@inputs@, int8_t *y) {
    for (int32_t i = 0; i < @rows@; i++) {
@copies@    }
}
"""


def emit_transpose(layer: Layer) -> Code:
    """transpose: x int8 to y int8 whose axis i is x's axis perm[i]."""
    perm = cast(TransposeParams, layer.params).perm
    source = strides(layer.inputs[0].dims)
    inner = len(perm)
    while inner > 0 and perm[inner - 1] == inner - 1:
        inner -= 1
    return _move(layer, tuple(source[axis] for axis in perm), 0, inner)


def emit_slice(layer: Layer) -> Code:
    """slice: a part of every axis of x int8 to y int8."""
    params = cast(SliceParams, layer.params)
    dims = layer.inputs[0].dims
    source = strides(dims)
    start = sum(first * step for first, step in zip(params.begin, source, strict=True))
    inner = len(dims)
    while inner > 0 and params.size[inner - 1] == dims[inner - 1]:
        inner -= 1
    # The last axis that is cut is contiguous too, unless elements are left out.
    if inner > 0 and params.stride[inner - 1] == 1:
        inner -= 1
    return _move(layer, tuple(a * b for a, b in zip(source, params.stride, strict=True)), start, inner)


def _move(layer: Layer, steps: tuple[int, ...], start: int, inner: int) -> Code:
    """Loops over the first ``inner`` axes of the output, whose strides in x are ``steps``; the rest is one run."""
    dims = layer.output.dims
    axes, run = list(range(inner)), prod(dims[inner:])
    to, from_ = offset(dims, strides(dims), axes), f"{start} + {offset(dims, steps, axes)}"
    copy = f"memcpy(y + {to}, x + {from_}, {run});\n" if run > 1 else f"y[{to}] = x[{from_}];\n"
    text = fill(_MOVE, self="@self@", nest=indent(loops(dims, axes, copy)))
    function = Function(f"{layer.node.op}_to_" + "x".join(map(str, dims)), text)
    return Code("{f0}({x}, {y});", (function,), kernel=function.name)


def emit_concat(layer: Layer) -> Code:
    """concat: all inputs, int8, one behind the other along an axis of y."""
    axis = cast(ConcatParams, layer.params).axis
    runs = [prod(tensor.dims[axis:]) for tensor in layer.inputs]
    copies = [f"memcpy(y, x{i} + i * {run}, {run});\ny += {run};\n" for i, run in enumerate(runs)]
    text = fill(
        _CONCAT, self="@self@", inputs=", ".join(f"const int8_t *x{i}" for i in range(len(runs))),
        rows=prod(layer.output.dims[:axis]), copies=indent("".join(copies), 2),
    )  # fmt: skip
    function = Function("concat_to_" + "x".join(map(str, layer.output.dims)), text)
    arguments = ", ".join(f"{{x{i}}}" for i in range(len(runs)))
    return Code(f"{{f0}}({arguments}, {{y}});", (function,), kernel=function.name)
