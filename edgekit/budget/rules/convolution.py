"""Counting rules of convolutions.

Output positions are computed again from the input, the kernel and the attributes: a declared output shape that is too
small must not make a model look cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from edgekit.budget.layer import Layer, Rule, Work

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """A sliding window over the spatial axes.

    Attributes:
        kernel, stride, dilation: one number an axis.
        pads: (before, after) an axis, or None for SAME: output = ceil(input / stride).
    """

    kernel: Dims
    stride: Dims
    dilation: Dims
    pads: tuple[tuple[int, int], ...] | None

    def positions(self, size: Dims) -> Dims:
        """Output positions an axis over an input of ``size``."""
        if self.pads is None:
            return tuple(-(-n // s) for n, s in zip(size, self.stride, strict=True))
        return tuple(
            (n + sum(pad) - d * (k - 1) - 1) // s + 1
            for n, k, s, d, pad in zip(size, self.kernel, self.stride, self.dilation, self.pads, strict=True)
        )


def onnx_convolution(x: int, w: int, bias: int | None) -> Rule:
    """Rule of Conv and its integer forms; ``x``, ``w``, ``bias`` are the indices of the inputs."""

    def rule(layer: Layer) -> Work:
        """A convolution costs output positions × output channels × input channels of a group × kernel size.

        dcase: (weights + bias) × output positions.
        """
        data, weights = layer.input(x).dims, layer.input(w).dims
        groups = layer.number("group", 1)
        if len(data) < 3 or len(weights) != len(data) or data[1] != weights[1] * groups:
            raise layer.odd(f"has weights {weights} in {groups} groups on an input {data}")
        window = _onnx_window(layer, weights[2:])
        out = (data[0], weights[0], *window.positions(data[2:]))
        _same(layer, out)
        return forward_convolution(out[0] * prod(out[2:]), weights, 0 if bias is None else layer.size(bias))

    return rule


def onnx_transposed(layer: Layer) -> Work:
    """A transposed convolution costs input positions × input channels × output channels of a group × kernel size.

    dcase: (weights + bias) × output positions.
    """
    data, weights, out = layer.input(0).dims, layer.input(1).dims, layer.output().dims
    if len(data) < 3 or len(weights) != len(data) or data[1] != weights[0]:
        raise layer.odd(f"has weights {weights} on an input {data}")
    return Work(
        true=data[0] * prod(data[2:]) * prod(weights),
        dcase=out[0] * prod(out[2:]) * (prod(weights) + layer.size(2)),
    )


def tflite_convolution(layer: Layer) -> Work:
    """A convolution costs output positions × output channels × input channels of a group × kernel size.

    dcase: (weights + bias) × output positions.
    """
    data, weights = layer.input(0).dims, layer.input(1).dims
    if len(data) != 4 or len(weights) != 4 or not weights[3] or data[3] % weights[3]:
        raise layer.odd(f"has weights {weights} on an input {data}")
    positions = _tflite_window(layer, weights[1:3]).positions(data[1:3])
    _same(layer, (data[0], *positions, weights[0]))
    return forward_convolution(data[0] * prod(positions), weights, layer.size(2))


def tflite_depthwise(layer: Layer) -> Work:
    """A depthwise convolution costs output positions × output channels × kernel size.

    dcase: (weights + bias) × output positions.
    """
    data, weights = layer.input(0).dims, layer.input(1).dims
    if len(data) != 4 or len(weights) != 4 or weights[0] != 1 or not data[3] or weights[3] % data[3]:
        raise layer.odd(f"has weights {weights} on an input {data}")
    positions = _tflite_window(layer, weights[1:3]).positions(data[1:3])
    _same(layer, (data[0], *positions, weights[3]))
    return forward_convolution(data[0] * prod(positions), weights, layer.size(2))


def tflite_convolution_3d(layer: Layer) -> Work:
    """A 3-D convolution costs output positions × kernel size × input channels × output channels.

    dcase: (weights + bias) × output positions.
    """
    data, weights, out = layer.input(0).dims, layer.input(1).dims, layer.output().dims
    if len(data) != 5 or len(weights) != 5 or data[4] % weights[3] or out[4] != weights[4]:
        raise layer.odd(f"has weights {weights} on an input {data}")
    return forward_convolution(out[0] * prod(out[1:4]), weights, layer.size(2))


def tflite_transposed(layer: Layer) -> Work:
    """A transposed convolution costs input positions × kernel size × input channels × output channels.

    dcase: (weights + bias) × output positions.
    """
    weights, data, out = layer.input(1).dims, layer.input(2).dims, layer.output().dims
    if len(data) != len(weights) or len(data) not in (4, 5) or data[-1] not in (weights[-1], weights[-2]):
        raise layer.odd(f"has weights {weights} on an input {data}")
    return Work(
        true=data[0] * prod(data[1:-1]) * prod(weights),
        dcase=out[0] * prod(out[1:-1]) * (prod(weights) + layer.size(3)),
    )


def edge_convolution(layer: Layer) -> Work:
    """A convolution costs output positions × output channels × input channels × kernel size.

    dcase: (weights + bias) × output positions. A depthwise convolution is the same with one input channel.
    """
    data, weights = layer.input(0).dims, layer.input(1).dims
    window = Window(weights[1:3], layer.attr("stride", (1, 1)), layer.attr("dilation", (1, 1)), layer.attr("pad"))
    if len(data) != 4 or len(weights) != 4 or window.pads is None:
        raise layer.odd(f"has weights {weights} on an input {data}")
    positions = window.positions(data[1:3])
    channels = weights[3] if layer.node.op == "depthwise_conv2d" else weights[0]
    _same(layer, (data[0], *positions, channels))
    return forward_convolution(data[0] * prod(positions), weights, layer.size(2))


def forward_convolution(positions: int, weights: Dims, bias: int) -> Work:
    """Work of a convolution with ``positions`` outputs a channel, ``bias`` elements of bias.

    Each weight is used once an output position: true for grouped, dilated and depthwise convolutions alike.
    """
    return Work(true=positions * prod(weights), dcase=positions * (prod(weights) + bias))


def _same(layer: Layer, expected: Dims) -> None:
    declared = layer.output().dims
    if declared != expected or min(expected) < 0:
        raise layer.odd(f"declares the output {declared}, but its attributes give {expected}")


def _onnx_window(layer: Layer, kernel: Dims) -> Window:
    rank = len(kernel)
    stride = layer.numbers("strides", (1,) * rank)
    dilation = layer.numbers("dilations", (1,) * rank)
    if layer.attr("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        return Window(kernel, stride, dilation, None)
    none = (0,) * (2 * rank)
    flat = none if layer.attr("auto_pad") == "VALID" else layer.numbers("pads", none, least=-(2**31))
    return Window(kernel, stride, dilation, tuple((flat[i], flat[i + rank]) for i in range(rank)))


def _tflite_window(layer: Layer, kernel: Dims) -> Window:
    stride = (layer.number("stride_h", 0), layer.number("stride_w", 0))
    dilation = (layer.number("dilation_h_factor", 1), layer.number("dilation_w_factor", 1))
    if min(stride) < 1 or min(dilation) < 1:
        raise layer.odd(f"has stride {stride} and dilation {dilation}")
    pads = None if layer.attr("padding") == "SAME" else ((0, 0), (0, 0))
    return Window(kernel, stride, dilation, pads)
