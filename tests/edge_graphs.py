"""Small edge graphs for tests: one operator with random weights and quantization, or a few in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.export.padding import same_padding
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Quantization, Tensor

ACTIVATIONS = ("none", "relu", "relu6")


def quant(scale: float, zero_point: int) -> Quantization:
    """Per-tensor quantization."""
    return Quantization(np.float32([scale]), np.int64([zero_point]))


class Builder:
    """Appends integer nodes to a chain; ``x`` is the tensor that the next node reads."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...], zero_point: int | None = None) -> None:
        self.rng = rng
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.x = self.activation("input", shape, zero_point=zero_point)
        self.first = self.x.name

    def activation(
        self, name: str, shape: tuple[int, ...], *, scale: float | None = None, zero_point: int | None = None
    ) -> Tensor:
        """A new int8 activation; scale and zero point are drawn where not given."""
        scale = float(np.exp(self.rng.uniform(-5, -1))) if scale is None else scale
        zero_point = int(self.rng.integers(-128, 128)) if zero_point is None else zero_point
        return self.keep(Tensor(name, shape, "int8", quant(scale, zero_point)))

    def same(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A new activation with scale and zero point of the current one."""
        return self.keep(Tensor(name, shape, "int8", self.x.quant))

    def keep(self, tensor: Tensor) -> Tensor:
        """Register ``tensor``."""
        self.tensors[tensor.name] = tensor
        return tensor

    def append(self, op: str, inputs: tuple[str, ...], output: Tensor, attrs: Mapping[str, Any] | None = None) -> None:
        """A node whose output becomes the current tensor."""
        self.nodes.append(Node(op, f"{op}_{len(self.nodes)}", inputs, (output.name,), dict(attrs or {})))
        self.x = output

    def name(self, what: str) -> str:
        """A tensor name that is not taken."""
        return f"{what}_{len(self.tensors)}"

    def graph(self, **changes: Any) -> Graph:
        """The graph from the first tensor to the current one."""
        return Graph("test", "edge", self.tensors, tuple(self.nodes), (self.first,), (self.x.name,), **changes)

    def weighted(
        self,
        op: str,
        shape: tuple[int, ...],
        axis: int,
        output_shape: tuple[int, ...],
        attrs: Mapping[str, Any],
        *,
        per_channel: bool = True,
        bias: bool = True,
        output_scale: float | None = None,
        zero_point: int | None = None,
    ) -> None:
        """A node with int8 weights of ``shape`` whose outputs mostly lie inside the int8 range."""
        channels = shape[axis]
        scales = np.exp(self.rng.uniform(-6, -3, channels if per_channel else 1)).astype(np.float32)
        quantization = Quantization(scales, np.zeros(scales.size, np.int64), axis if per_channel else None)
        values = self.rng.integers(-127, 128, size=shape, dtype=np.int8)
        weights = self.keep(Tensor(self.name("weights"), shape, "int8", quantization, values))
        inputs = (self.x.name, weights.name)
        scale_in, _ = self.x.scale_zero()
        taps = values.size // channels
        spread = 75 * 75 * np.sqrt(taps)
        if bias:
            data = self.rng.normal(0, spread, channels).astype(np.int32)
            bias_quant = Quantization(np.float32(scale_in) * scales, np.zeros(scales.size), 0 if per_channel else None)
            inputs += (self.keep(Tensor(self.name("bias"), (channels,), "int32", bias_quant, data)).name,)
        else:
            inputs += ("",)
        if output_scale is None:
            output_scale = float(scale_in * scales.mean() * spread / self.rng.uniform(20, 100))
        output = self.activation(self.name(op), output_shape, scale=output_scale, zero_point=zero_point)
        self.append(op, inputs, output, attrs)

    def conv2d(
        self, channels: int, kernel: tuple[int, int], *, stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1), pad: Any = "SAME", activation: str = "none", groups: int = 1,
        **options: Any,
    ) -> None:  # fmt: skip
        """A conv2d node; pad is "SAME", "VALID" or numbers."""
        pads, size = self.geometry(kernel, stride, dilation, pad)
        attrs = {"stride": stride, "dilation": dilation, "pad": pads, "activation": activation}
        shape = (channels, *kernel, self.x.dims[3] // groups)
        self.weighted("conv2d", shape, 0, (1, *size, channels), attrs, **options)

    def depthwise_conv2d(
        self, multiplier: int, kernel: tuple[int, int], *, stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1), pad: Any = "SAME", activation: str = "none", **options: Any,
    ) -> None:  # fmt: skip
        """A depthwise_conv2d node."""
        pads, size = self.geometry(kernel, stride, dilation, pad)
        attrs = {
            "stride": stride, "dilation": dilation, "pad": pads, "activation": activation, "multiplier": multiplier,
        }  # fmt: skip
        channels = self.x.dims[3] * multiplier
        self.weighted("depthwise_conv2d", (1, *kernel, channels), 3, (1, *size, channels), attrs, **options)

    def fully_connected(
        self, channels: int, *, keep_dims: bool = False, activation: str = "none", **options: Any
    ) -> None:
        """A fully_connected node over the last axis."""
        columns = self.x.dims[-1]
        shape = (*self.x.dims[:-1], channels) if keep_dims else (self.x.elements // columns, channels)
        attrs = {"activation": activation, "keep_dims": keep_dims}
        self.weighted("fully_connected", (channels, columns), 0, shape, attrs, **options)

    def pool2d(
        self, op: str, window: tuple[int, int], *, stride: tuple[int, int] = (1, 1), pad: Any = "VALID",
        activation: str = "none",
    ) -> None:  # fmt: skip
        """An avg_pool2d or max_pool2d node."""
        pads, size = self.geometry(window, stride, (1, 1), pad)
        attrs = {"window": window, "stride": stride, "pad": pads, "activation": activation}
        self.append(op, (self.x.name,), self.same(self.name(op), (1, *size, self.x.dims[3])), attrs)

    def geometry(
        self, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], pad: Any
    ) -> tuple[Any, tuple[int, int]]:
        """Paddings in numbers and the output's height and width."""
        size = self.x.dims[1:3]
        if pad == "VALID":
            pad = ((0, 0), (0, 0))
        elif pad == "SAME":
            pad = tuple(same_padding(*axis) for axis in zip(size, kernel, stride, dilation, strict=True))
        outputs = tuple(
            (s + sum(p) - (k - 1) * d - 1) // t + 1
            for s, p, k, d, t in zip(size, pad, kernel, dilation, stride, strict=True)
        )
        return pad, outputs  # type: ignore[return-value]


def tiny_graph() -> Graph:
    """A convolution, a depthwise one and three outputs, of [1, 6, 5, 2]."""
    builder = Builder(np.random.default_rng(1), (1, 6, 5, 2))
    builder.conv2d(4, (3, 3), activation="relu")
    builder.depthwise_conv2d(1, (3, 3))
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    builder.fully_connected(3)
    return builder.graph()
