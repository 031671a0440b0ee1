"""The vocabulary in which a registered model is sketched: operators as ``edgekit export`` writes them to ONNX.

A sketch draws a model's layers with its arguments on whatever implements :class:`Pen`; it holds no weights and imports
no torch. Feature maps are [1, C, H, W], tokens [N, T, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgekit.models.sketches.arguments import Pair

ONE: Pair = (1, 1)


@dataclass(frozen=True)
class Map:
    """A tensor by its name where it is drawn, and its shape."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """C of a feature map."""
        return self.shape[1]

    @property
    def size(self) -> Pair:
        """(H, W) of a feature map."""
        return self.shape[2], self.shape[3]


class Pen(Protocol):
    """What draws: every method returns the tensors that it adds."""

    def weight(self, *shape: int) -> Map:
        """A learned float constant."""

    def integers(self, *values: int) -> Map:
        """A constant of whole numbers, [n]: shapes, axes, splits."""

    def index(self, value: int) -> Map:
        """A whole number without an axis."""

    def scalar(self, value: float) -> Map:
        """A float constant without an axis: part of the algorithm, not learned."""

    def nodes(
        self, op: str, inputs: Sequence[Map], shapes: Sequence[tuple[int, ...]], attrs: dict[str, Any]
    ) -> tuple[Map, ...]:
        """An operator with an output for each of ``shapes``."""


def node(pen: Pen, op: str, inputs: Sequence[Map], shape: tuple[int, ...], **attrs: Any) -> Map:
    """An operator with one output."""
    return pen.nodes(op, inputs, [shape], attrs)[0]


def conv(
    pen: Pen,
    x: Map,
    channels: int,
    kernel: Pair = ONE,
    stride: Pair = ONE,
    *,
    padding: Pair | None = None,
    dilation: Pair = ONE,
    groups: int = 1,
    bias: bool = False,
) -> Map:
    """2-D convolution; padding is half the (dilated) kernel when not given."""
    pads = (dilation[0] * (kernel[0] // 2), dilation[1] * (kernel[1] // 2)) if padding is None else padding
    operands = [x, pen.weight(channels, x.channels // groups, *kernel), *([pen.weight(channels)] if bias else [])]
    size = positions(x.size, kernel, stride, pads, dilation)
    attrs = {"kernel_shape": kernel, "strides": stride, "pads": (*pads, *pads), "dilations": dilation, "group": groups}
    return node(pen, "Conv", operands, (1, channels, *size), **attrs)


def batch_norm(pen: Pen, x: Map) -> Map:
    """Batch norm over axis 1 with its four constants."""
    return node(pen, "BatchNormalization", [x, *(pen.weight(x.shape[1]) for _ in range(4))], x.shape, epsilon=1e-5)


def conv_bn(
    pen: Pen,
    x: Map,
    channels: int,
    kernel: Pair = ONE,
    stride: Pair = ONE,
    *,
    padding: Pair | None = None,
    dilation: Pair = ONE,
    groups: int = 1,
    act: bool = True,
) -> Map:
    """Convolution without bias, batch norm, optional ReLU."""
    y = batch_norm(pen, conv(pen, x, channels, kernel, stride, padding=padding, dilation=dilation, groups=groups))
    return relu(pen, y) if act else y


def relu(pen: Pen, x: Map) -> Map:
    """ReLU."""
    return node(pen, "Relu", [x], x.shape)


def silu(pen: Pen, x: Map) -> Map:
    """x·sigmoid(x)."""
    return mul(pen, x, node(pen, "Sigmoid", [x], x.shape))


def add(pen: Pen, x: Map, y: Map) -> Map:
    """Sum, one broadcast over the other."""
    return node(pen, "Add", [x, y], _broadcast(x, y))


def mul(pen: Pen, x: Map, y: Map) -> Map:
    """Product, one broadcast over the other."""
    return node(pen, "Mul", [x, y], _broadcast(x, y))


def sub(pen: Pen, x: Map, y: Map) -> Map:
    """Difference, one broadcast over the other."""
    return node(pen, "Sub", [x, y], _broadcast(x, y))


def divide(pen: Pen, x: Map, y: Map) -> Map:
    """Quotient, one broadcast over the other."""
    return node(pen, "Div", [x, y], _broadcast(x, y))


def average_pool(pen: Pen, x: Map, kernel: int, stride: Pair, padding: int) -> Map:
    """Average pool whose padding counts, torch's default."""
    size = positions(x.size, (kernel, kernel), stride, (padding, padding))
    attrs = {"kernel_shape": (kernel, kernel), "strides": stride, "pads": (padding,) * 4, "count_include_pad": 1}
    return node(pen, "AveragePool", [x], (1, x.channels, *size), **attrs)


def max_pool(pen: Pen, x: Map, window: Pair) -> Map:
    """Max pool whose stride is its window."""
    size = positions(x.size, window, window, (0, 0))
    attrs = {"kernel_shape": window, "strides": window, "pads": (0,) * 4}
    return node(pen, "MaxPool", [x], (1, x.channels, *size), **attrs)


def mean(pen: Pen, x: Map, *axes: int, keep: bool = True) -> Map:
    """Mean over ``axes``, which stay with length 1 or go."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    shape = kept if keep else tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    return node(pen, "ReduceMean", [x], shape, axes=axes, keepdims=int(keep))


def global_mean(pen: Pen, x: Map) -> Map:
    """Mean over height and width: [1, C, H, W] → [1, C]."""
    return flatten(pen, node(pen, "GlobalAveragePool", [x], (1, x.channels, 1, 1)))


def flatten(pen: Pen, x: Map) -> Map:
    """[1, C, 1, 1] → [1, C]."""
    return node(pen, "Flatten", [x], (1, x.channels), axis=1)


def linear(pen: Pen, x: Map, features: int) -> Map:
    """Dense layer with bias: [1, C] → [1, features]."""
    return node(pen, "Gemm", [x, pen.weight(features, x.shape[1]), pen.weight(features)], (1, features), transB=1)


def reshape(pen: Pen, x: Map, *shape: int) -> Map:
    """The same elements in another shape."""
    return node(pen, "Reshape", [x, pen.integers(*shape)], shape, allowzero=0)


def transpose(pen: Pen, x: Map, *perm: int) -> Map:
    """Axes in the order of ``perm``."""
    return node(pen, "Transpose", [x], tuple(x.shape[axis] for axis in perm), perm=perm)


def split(pen: Pen, x: Map, parts: int, axis: int) -> tuple[Map, ...]:
    """Equal parts along ``axis``."""
    shape = tuple(size // parts if place == axis else size for place, size in enumerate(x.shape))
    return pen.nodes("Split", [x, pen.integers(*(shape[axis],) * parts)], [shape] * parts, {"axis": axis})


def concat(pen: Pen, parts: Sequence[Map], axis: int) -> Map:
    """Parts one behind the other along ``axis``."""
    length = sum(part.shape[axis] for part in parts)
    shape = tuple(length if place == axis else size for place, size in enumerate(parts[0].shape))
    return node(pen, "Concat", parts, shape, axis=axis)


def positions(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE) -> Pair:
    """Positions of a window over height and width."""
    height, width = (
        (size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) // stride[axis] + 1
        for axis in (0, 1)
    )
    return height, width


def _broadcast(x: Map, y: Map) -> tuple[int, ...]:
    rank = max(len(x.shape), len(y.shape))
    long, short = ((1,) * (rank - len(m.shape)) + m.shape for m in (x, y))
    return tuple(map(max, long, short))
