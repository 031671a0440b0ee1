"""The edge operators in torch, for the fake-quantized twin: real functions, moves of steps, and sums of products.

Arrays have the clips in front: a tensor of shape ``dims`` for N clips is [N, *dims], as in graph/float_kernels.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgekit.graph.float_kernels import slices
from edgekit.graph.functions import FUNCTIONS as NAMED

Attrs = Mapping[str, Any]
Dims = tuple[int, ...]
RealKernel = Callable[[Sequence[Tensor], Attrs, Dims], Tensor]
"""(real inputs [N, *dims], attributes, output shape) → real output; the twin rounds it to the output's scale."""
MovingKernel = Callable[[Sequence[Tensor], Attrs, Dims], Tensor]
"""(steps of all inputs, attributes, output shape) → steps of the same scale."""


def ranked(x: Tensor, rank: int) -> Tensor:
    """[N, *dims] with axes of size 1 put behind the clips up to ``rank`` axes of the tensor."""
    return x.reshape(x.shape[0], *(1,) * (rank + 1 - x.dim()), *x.shape[1:])


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> RealKernel:
    def kernel(inputs: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
        first, second = (ranked(side, len(dims)) for side in inputs)
        return function(first, second).reshape(-1, *dims)

    return kernel


def _unary(function: Callable[[Tensor], Tensor]) -> RealKernel:
    return lambda inputs, attrs, dims: function(inputs[0])


def _axes(attrs: Attrs) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in attrs["axes"])


def _matmul(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    first, second = (ranked(side, len(dims)) for side in x)
    first = first.transpose(-1, -2) if attrs["adj_x"] else first
    second = second.transpose(-1, -2) if attrs["adj_y"] else second
    return torch.matmul(first, second).reshape(-1, *dims)


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    name: attrgetter(function.torch)(torch) for name, function in NAMED.items()
}
"""The functions of graph/functions with a gradient."""


def expression(formula: Any, x: Tensor) -> Tensor:
    """A function of one value (graph/functions) of each element of ``x``."""
    if isinstance(formula, str):
        return x
    if isinstance(formula, int | float):
        return torch.tensor(float(formula), dtype=x.dtype, device=x.device)
    return FUNCTIONS[formula[0]](*(expression(part, x) for part in formula[1:]))


REAL_KERNELS: Mapping[str, RealKernel] = {
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "mean": lambda x, attrs, dims: x[0].mean(dim=_axes(attrs)).reshape(-1, *dims),
    "sum": lambda x, attrs, dims: x[0].sum(dim=_axes(attrs)).reshape(-1, *dims),
    "relu": _unary(functional.relu),
    "logistic": _unary(torch.sigmoid),
    "tanh": _unary(torch.tanh),
    "hard_swish": _unary(functional.hardswish),
    "leaky_relu": lambda x, attrs, dims: functional.leaky_relu(x[0], float(attrs["alpha"])),
    "prelu": _binary(lambda x, slope: torch.where(x >= 0, x, slope * x)),
    "rsqrt": lambda x, attrs, dims: torch.rsqrt(x[0].clamp_min(1e-12)),
    "quantize": lambda x, attrs, dims: x[0],
    "batch_matmul": _matmul,
    "pointwise": lambda x, attrs, dims: expression(attrs["expression"], x[0]).expand_as(x[0]),
    "softmax": lambda x, attrs, dims: torch.softmax(x[0] * float(attrs["beta"]), dim=-1),
}
"""Operators whose output is rounded to a scale of its own."""


def _images(x: Tensor) -> Tensor:
    """[N, 1, H, W, C] → [N, C, H, W] in channels-last memory."""
    return x.reshape(-1, *x.shape[2:]).permute(0, 3, 1, 2)


def _back(y: Tensor, dims: Dims) -> Tensor:
    return y.permute(0, 2, 3, 1).reshape(-1, *dims)


def _padded(x: Tensor, attrs: Attrs, fill: float = 0.0) -> Tensor:
    (top, bottom), (left, right) = attrs["pad"]
    return functional.pad(x, (left, right, top, bottom), value=fill) if top or bottom or left or right else x


def _max_pool(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    images = _padded(_images(x[0]), attrs, float("-inf"))
    return _back(functional.max_pool2d(images, attrs["window"], attrs["stride"]), dims)


def _avg_pool(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    """Means of the real (not padded) values, not yet rounded."""
    images = _padded(_images(x[0]), attrs)
    ones = _padded(torch.ones_like(_images(x[0])[:1, :1]), attrs)
    share = functional.avg_pool2d(ones, attrs["window"], attrs["stride"])
    return _back(functional.avg_pool2d(images, attrs["window"], attrs["stride"]) / share, dims)


def _pad(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    flat = [count for pair in reversed(attrs["pads"]) for count in pair]
    return functional.pad(x[0], flat)


def _slice(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    return x[0][slices(attrs["begin"], attrs["size"], attrs["stride"])]


def _concat(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    """A constant part is repeated for every clip."""
    clips = max(len(part) for part in x)
    return torch.cat([part.expand(clips, *part.shape[1:]) for part in x], dim=attrs["axis"] + 1)


def _gather(x: Sequence[Tensor], attrs: Attrs, dims: Dims) -> Tensor:
    return x[0].index_select(attrs["axis"] + 1, torch.tensor(attrs["indices"], device=x[0].device))


MOVING_KERNELS: Mapping[str, MovingKernel] = {
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "pad": _pad,
    "reshape": lambda x, attrs, dims: x[0].reshape(-1, *dims),
    "transpose": lambda x, attrs, dims: x[0].permute(0, *(axis + 1 for axis in attrs["perm"])),
    "slice": _slice,
    "concat": _concat,
    "gather": _gather,
    "relu6": lambda x, attrs, dims: x[0],
}
"""Operators that keep their input's scale; what an average or a clip makes of the steps is rounded and clipped."""


def _conv2d(x: Tensor, weights: Tensor, attrs: Attrs, dims: Dims) -> Tensor:
    images = _images(x)
    groups = images.shape[1] // weights.shape[3]
    return _convolved(images, weights.permute(0, 3, 1, 2), attrs, dims, groups)


def _depthwise(x: Tensor, weights: Tensor, attrs: Attrs, dims: Dims) -> Tensor:
    images = _images(x)
    return _convolved(images, weights.permute(3, 0, 1, 2), attrs, dims, images.shape[1])


def _convolved(images: Tensor, filters: Tensor, attrs: Attrs, dims: Dims, groups: int) -> Tensor:
    (top, bottom), (left, right) = attrs["pad"]
    padding = (top, left) if top == bottom and left == right else (0, 0)
    if padding == (0, 0):
        images = _padded(images, attrs)
    y = functional.conv2d(images, filters, None, attrs["stride"], padding, attrs["dilation"], groups)
    return _back(y, dims)


def _fully_connected(x: Tensor, weights: Tensor, attrs: Attrs, dims: Dims) -> Tensor:
    return (x.reshape(-1, weights.shape[1]) @ weights.T).reshape(-1, *dims)


WEIGHTED_KERNELS: Mapping[str, Callable[[Tensor, Tensor, Attrs, Dims], Tensor]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "fully_connected": _fully_connected,
}
"""(steps of the input, steps of the weights in the edge layout, attributes, output shape) → sums of products."""
