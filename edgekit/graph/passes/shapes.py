"""Output shapes of the edge dialect's operators, and the checks on their inputs that follow from them.

Every edge graph that a pass of this room builds takes its shapes from here, never from a file, so that a file with
shapes that do not fit its operators ends in an error and not in a buffer that is too small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.ops import BINARY_OPS
from edgekit.graph.passes.misfit import Misfit, need
from edgekit.graph.passes.shapes_recurrent import lstm_dims, svdf_dims
from edgekit.graph.readers.limits import MAX_ELEMENTS, MAX_RANK
from edgekit.graph.tensor import Tensor

Dims = tuple[int, ...]
ShapeRule = Callable[[Sequence[Dims], Mapping[str, Any]], Dims]


def output_dims(op: str, attrs: Mapping[str, Any], inputs: Sequence[Dims], where: str) -> Dims:
    """Shape of the output of one edge operator (``reshape`` excepted: its target is its output's shape).

    Args:
        op: name of the operator.
        attrs: its attributes (graph/ops.py).
        inputs: shapes of the present inputs in order.
        where: the layer, for messages.

    Raises:
        BadFileError: shapes or attributes that do not fit together, or a result beyond the limits.
        UnsupportedOpError: not an edge operator.
    """
    rule = _RULES.get(op)
    if rule is None:
        raise UnsupportedOpError(f"operator {op} has no shape rule in the edge dialect", where=where)
    try:
        dims = rule(inputs, attrs)
    except Misfit as error:
        raise BadFileError(f"{op}: {error}", where=where, mend="export the model again") from error
    if len(dims) > MAX_RANK or any(dim < 1 for dim in dims) or prod(dims) > MAX_ELEMENTS:
        raise BadFileError(f"{op}: output shape {dims} is empty or beyond the limits", where=where)
    return dims


def infer_output(node: Node, tensors: Mapping[str, Tensor]) -> Dims:
    """:func:`output_dims` of a node over named tensors."""
    return output_dims(node.op, node.attrs, [tensors[name].dims for name in node.inputs if name], node.name)


def window_extent(size: int, window: int, stride: int, dilation: int, pad: tuple[int, int]) -> int:
    """Output positions of a sliding window along one axis: floor((size + pads − reach) / stride) + 1."""
    need(window >= 1 and stride >= 1 and dilation >= 1, "window, stride and dilation must be positive")
    need(min(pad) >= 0 and max(pad) < 2**16, f"padding {pad} is negative or absurd")
    reach = (window - 1) * dilation + 1
    need(size + sum(pad) >= reach, f"a window of {reach} does not fit {size} inputs with padding {pad}")
    return (size + sum(pad) - reach) // stride + 1


def _spatial(x: Dims, window: Dims, attrs: Mapping[str, Any]) -> Dims:
    dilation = attrs.get("dilation", (1, 1))
    return tuple(window_extent(x[1 + i], window[i], attrs["stride"][i], dilation[i], attrs["pad"][i]) for i in range(2))


def _bias(inputs: Sequence[Dims], channels: int) -> None:
    need(len(inputs) in (2, 3), "takes input, weights and perhaps a bias")
    need(len(inputs) == 2 or prod(inputs[2]) == channels, f"bias of shape {inputs[-1]} for {channels} channels")


def _conv2d(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    x, w = inputs[:2]
    need(len(x) == 4 and len(w) == 4, "input and weights must have rank 4")
    need(w[3] >= 1 and x[3] % w[3] == 0, f"weights for {w[3]} channels on an input of {x[3]}")
    groups = x[3] // w[3]
    need(w[0] % max(groups, 1) == 0, f"{w[0]} output channels in {groups} groups")
    _bias(inputs, w[0])
    return (x[0], *_spatial(x, w[1:3], attrs), w[0])


def _depthwise(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    x, w = inputs[:2]
    need(len(x) == 4 and len(w) == 4 and w[0] == 1, "input and weights must have rank 4, weights [1,kh,kw,C·m]")
    need(w[3] == x[3] * attrs["multiplier"], f"weights for {w[3]} channels on {x[3]} × {attrs['multiplier']}")
    _bias(inputs, w[3])
    return (x[0], *_spatial(x, w[1:3], attrs), w[3])


def _fully_connected(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    x, w = inputs[:2]
    need(len(w) == 2, "weights must have rank 2")
    _bias(inputs, w[0])
    if attrs.get("keep_dims", False):
        need(len(x) >= 1 and x[-1] == w[1], f"weights for {w[1]} inputs on {x}")
        return (*x[:-1], w[0])
    need(w[1] > 0 and prod(x) % w[1] == 0, f"weights for {w[1]} inputs on {x}")
    return (prod(x) // w[1], w[0])


def _pool(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    need(len(x) == 4, "input must have rank 4")
    # A window that lies in the padding alone has no value (average of nothing, maximum of nothing).
    for (before, after), window in zip(attrs["pad"], attrs["window"], strict=True):
        need(max(before, after) < window, f"padding {(before, after)} must be below the window {window}")
    return (x[0], *_spatial(x, attrs["window"], attrs), x[3])


def _mean(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    axes = attrs["axes"]
    need(len(set(axes)) == len(axes) and all(0 <= axis < len(x) for axis in axes), f"axes {axes} of rank {len(x)}")
    if attrs["keep_dims"]:
        return tuple(1 if axis in axes else dim for axis, dim in enumerate(x))
    return tuple(dim for axis, dim in enumerate(x) if axis not in axes)


def _binary(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    need(len(inputs) == 2, "takes two inputs")
    try:
        return tuple(int(dim) for dim in np.broadcast_shapes(*inputs))
    except ValueError as error:
        raise Misfit(f"shapes {inputs[0]} and {inputs[1]} do not broadcast") from error


def _prelu(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    dims = _binary(inputs, attrs)
    need(dims == inputs[0], f"slopes of {inputs[1]} for an input of {inputs[0]}")
    return dims


def _batch_matmul(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    need(len(inputs) == 2 and min(map(len, inputs)) >= 2, "takes two inputs of rank 2 or more")
    x, y = inputs
    rows, depth = (x[-1], x[-2]) if attrs["adj_x"] else (x[-2], x[-1])
    columns, height = (y[-2], y[-1]) if attrs["adj_y"] else (y[-1], y[-2])
    need(depth == height, f"a matrix of {depth} columns times one of {height} rows")
    return (*_binary((x[:-2], y[:-2]), attrs), rows, columns)


def _pad(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    pads = attrs["pads"]
    need(len(pads) == len(x), f"{len(pads)} pairs of padding for rank {len(x)}")
    need(all(0 <= value < 2**16 for pair in pads for value in pair), f"padding {pads} is negative or absurd")
    return tuple(dim + before + after for dim, (before, after) in zip(x, pads, strict=True))


def _transpose(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    need(sorted(attrs["perm"]) == list(range(len(x))), f"order {attrs['perm']} of rank {len(x)}")
    return tuple(x[axis] for axis in attrs["perm"])


def _slice(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    rows = [attrs[key] for key in ("begin", "size", "stride")]
    need(all(len(row) == len(x) for row in rows), f"begin, size and stride for rank {len(x)}")
    for dim, begin, size, stride in zip(x, *rows, strict=True):
        inside = begin >= 0 and size >= 1 and stride >= 1 and begin + (size - 1) * stride < dim
        need(inside, f"{size} elements from {begin} by {stride} of {dim}")
    return tuple(attrs["size"])


def _concat(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    first, axis = inputs[0], attrs["axis"]
    need(0 <= axis < len(first), f"axis {axis} of rank {len(first)}")
    rest = {(*dims[:axis], *dims[axis + 1 :]) for dims in inputs if len(dims) == len(first)}
    need(len(rest) == 1 and all(len(dims) == len(first) for dims in inputs), f"shapes {list(inputs)} along {axis}")
    return (*first[:axis], sum(dims[axis] for dims in inputs), *first[axis + 1 :])


def _resize(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    need(len(x) == 4 and len(attrs["size"]) == 2, "input must have rank 4, size two numbers")
    need(not (attrs["align_corners"] and attrs["half_pixel"]), "align_corners and half_pixel exclude each other")
    return (x[0], *attrs["size"], x[3])


def _mirror_pad(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    dims = _pad(inputs, attrs)
    need(attrs["mode"] in ("reflect", "symmetric"), f"mode {attrs['mode']}")
    edge = 1 if attrs["mode"] == "reflect" else 0
    fits = all(max(pair) <= dim - edge for dim, pair in zip(inputs[0], attrs["pads"], strict=True))
    need(fits, f"padding {attrs['pads']} mirrors more than there is")
    return dims


def _gather(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    axis, indices = attrs["axis"], attrs["indices"]
    need(0 <= axis < len(x) and len(indices) > 0, f"axis {axis} of rank {len(x)}")
    need(all(0 <= index < x[axis] for index in indices), f"indices {indices[:4]} … of {x[axis]}")
    return (*x[:axis], len(indices), *x[axis + 1 :])


def _same(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    (x,) = inputs
    return x


def _lookup(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    need(len(inputs) == 2 and prod(inputs[1]) == 256, "takes an input and a table of 256")
    return inputs[0]


_RULES: dict[str, ShapeRule] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "fully_connected": _fully_connected,
    "avg_pool2d": _pool,
    "max_pool2d": _pool,
    "mean": _mean,
    "sum": _mean,
    **dict.fromkeys(BINARY_OPS, _binary),
    "pad": _pad,
    "transpose": _transpose,
    "slice": _slice,
    "concat": _concat,
    "softmax": _same,
    "relu": _same,
    "relu6": _same,
    "logistic": _same,
    "tanh": _same,
    "leaky_relu": _same,
    "hard_swish": _same,
    "rsqrt": _same,
    "pointwise": _same,
    **dict.fromkeys(("minimum", "maximum", "squared_difference"), _binary),
    "prelu": _prelu,
    **dict.fromkeys(("resize_nearest", "resize_bilinear"), _resize),
    "mirror_pad": _mirror_pad,
    "gather": _gather,
    "lookup": _lookup,
    "batch_matmul": _batch_matmul,
    "svdf": svdf_dims,
    "lstm": lstm_dims,
    "quantize": _same,
    "dequantize": _same,
}
