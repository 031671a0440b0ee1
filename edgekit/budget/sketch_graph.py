"""Graphs of sketched models: real operators and shapes, weights of zeros, so that the counting rules apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Dialect, Graph, Node
from edgekit.graph.tensor import Quantization, Shape, Tensor
from edgekit.models.sketches.layers import Layers, Map, Pair, half
from edgekit.models.sketches.registry import SKETCHES

Form = Literal["batch norm", "float", "int8"]
"""How the file holds the model: ONNX as exported, batch norm folded in float, or integer."""

_MAX_NODES = 2_048


def sketch_graph(model: str, arguments: Mapping[str, Any], shape: Pair, form: Form) -> Graph:
    """The registered model with ``arguments`` on features (H, W) = ``shape``.

    Raises:
        BadConfigError: no sketch of this model, or arguments that it does not take.
    """
    if model not in SKETCHES:
        raise BadConfigError(f"model {model!r} has no sketch")
    pen: _OnnxPen | _EdgePen = _OnnxPen() if form == "batch norm" else _EdgePen(form)
    last = SKETCHES[model].draw(pen, pen.start(shape), arguments)
    return pen.finish(model, last)


class _Pen:
    """Collects tensors and nodes; the layers are drawn by the pens of the two dialects."""

    dialect: Dialect
    activation: str

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []

    def start(self, shape: Pair) -> Map:
        if min(shape) < 1:
            raise BadConfigError(f"features of {shape} are empty")
        x = Map("features", 1, *shape)
        self.tensors[x.name] = Tensor(x.name, self.shape(x), self.activation, _quantization(self.activation))
        return x

    def finish(self, name: str, last: Map) -> Graph:
        return Graph(name, self.dialect, self.tensors, tuple(self.nodes), ("features",), (last.name,))

    def shape(self, x: Map) -> Shape:
        raise NotImplementedError

    def weight(self, name: str, shape: tuple[int, ...], dtype: str) -> str:
        # Zeros of one stored element: whatever checks the weights sees some, and nothing is allocated.
        zeros = np.broadcast_to(np.zeros((), dtype), shape)
        self.tensors[name] = Tensor(name, shape, dtype, _quantization(dtype), data=zeros)
        return name

    def node(
        self, op: str, inputs: tuple[str, ...], out: tuple[int, int, int], attrs: Mapping[str, Any], flat: bool = False
    ) -> Map:
        """Add a node whose output has channels, height and width ``out``; ``flat`` drops height and width."""
        if len(self.nodes) >= _MAX_NODES or min(out) < 1:
            raise BadConfigError(f"the maps become empty or the model too deep at {op}")
        name = f"{op}_{len(self.nodes)}"
        y = Map(f"{name}:out", *out)
        shape = (1, out[0]) if flat else self.shape(y)
        self.tensors[y.name] = Tensor(y.name, shape, self.activation, _quantization(self.activation))
        self.nodes.append(Node(op, name, inputs, (y.name,), attrs))
        return y


def _quantization(dtype: str) -> Quantization | None:
    """Any scale will do: no count depends on it."""
    return Quantization(np.ones(1, np.float32), np.zeros(1, np.int64)) if dtype.startswith("int") else None


def _positions(x: Map, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    height = (x.height + 2 * padding[0] - kernel[0]) // stride[0] + 1
    return height, (x.width + 2 * padding[1] - kernel[1]) // stride[1] + 1


class _OnnxPen(_Pen, Layers):
    """As ``edgekit export`` writes it: convolution, batch norm and ReLU are nodes of their own, float32, NCHW."""

    dialect: Dialect = "onnx"
    activation = "float32"

    def shape(self, x: Map) -> Shape:
        return (1, x.channels, x.height, x.width)

    def conv_bn(
        self,
        x: Map,
        channels: int,
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        *,
        padding: Pair | None = None,
        depthwise: bool = False,
        relu: bool = True,
    ) -> Map:
        pads = half(kernel) if padding is None else padding
        number = len(self.nodes)
        weight = self.weight(f"w{number}", (channels, 1 if depthwise else x.channels, *kernel), "float32")
        attrs = {"strides": stride, "pads": (*pads, *pads), "group": x.channels if depthwise else 1}
        y = self.node("Conv", (x.name, weight), (channels, *_positions(x, kernel, stride, pads)), attrs)
        parts = tuple(self.weight(f"{part}{number}", (channels,), "float32") for part in ("g", "b", "m", "v"))
        y = self.node("BatchNormalization", (y.name, *parts), (y.channels, y.height, y.width), {})
        return self.relu(y) if relu else y

    def average_pool(self, x: Map, kernel: int, stride: Pair, padding: int) -> Map:
        size = _positions(x, (kernel, kernel), stride, (padding, padding))
        attrs = {"kernel_shape": (kernel, kernel), "strides": stride, "pads": (padding,) * 4}
        return self.node("AveragePool", (x.name,), (x.channels, *size), attrs)

    def add(self, x: Map, y: Map) -> Map:
        return self.node("Add", (x.name, y.name), (x.channels, x.height, x.width), {})

    def relu(self, x: Map) -> Map:
        return self.node("Relu", (x.name,), (x.channels, x.height, x.width), {})

    def global_mean(self, x: Map) -> Map:
        y = self.node("GlobalAveragePool", (x.name,), (x.channels, 1, 1), {})
        return self.node("Flatten", (y.name,), (x.channels, 1, 1), {"axis": 1}, flat=True)

    def linear(self, x: Map, features: int) -> Map:
        number = len(self.nodes)
        weight = self.weight(f"w{number}", (features, x.channels), "float32")
        bias = self.weight(f"b{number}", (features,), "float32")
        return self.node("Gemm", (x.name, weight, bias), (features, 1, 1), {"transB": 1}, flat=True)


class _EdgePen(_Pen, Layers):
    """As edgekit compiles it: batch norm and ReLU folded into the convolution, NHWC, float32 or int8."""

    dialect: Dialect = "edge"

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.activation = "int8" if form == "int8" else "float32"
        self.bias = "int32" if form == "int8" else "float32"

    def shape(self, x: Map) -> Shape:
        return (1, x.height, x.width, x.channels)

    def conv_bn(
        self,
        x: Map,
        channels: int,
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        *,
        padding: Pair | None = None,
        depthwise: bool = False,
        relu: bool = True,
    ) -> Map:
        pads = half(kernel) if padding is None else padding
        number = len(self.nodes)
        shape = (1, *kernel, channels) if depthwise else (channels, *kernel, x.channels)
        weight = self.weight(f"w{number}", shape, self.activation)
        bias = self.weight(f"b{number}", (channels,), self.bias)
        attrs: dict[str, Any] = {"stride": stride, "dilation": (1, 1), "pad": ((pads[0],) * 2, (pads[1],) * 2)}
        attrs |= {"activation": "relu" if relu else "none"} | ({"multiplier": 1} if depthwise else {})
        op = "depthwise_conv2d" if depthwise else "conv2d"
        return self.node(op, (x.name, weight, bias), (channels, *_positions(x, kernel, stride, pads)), attrs)

    def average_pool(self, x: Map, kernel: int, stride: Pair, padding: int) -> Map:
        size = _positions(x, (kernel, kernel), stride, (padding, padding))
        attrs = {"window": (kernel, kernel), "stride": stride, "pad": ((padding,) * 2,) * 2, "activation": "none"}
        return self.node("avg_pool2d", (x.name,), (x.channels, *size), attrs)

    def add(self, x: Map, y: Map) -> Map:
        return self.node("add", (x.name, y.name), (x.channels, x.height, x.width), {"activation": "none"})

    def relu(self, x: Map) -> Map:
        """Folded into an addition or convolution without activation, a node of its own otherwise."""
        before = self.nodes[-1]
        if before.outputs == (x.name,) and before.attrs.get("activation") == "none":
            self.nodes[-1] = before.replace(attrs={**before.attrs, "activation": "relu"})
            return x
        return self.node("relu", (x.name,), (x.channels, x.height, x.width), {})

    def global_mean(self, x: Map) -> Map:
        return self.node("mean", (x.name,), (x.channels, 1, 1), {"axes": (1, 2), "keep_dims": False}, flat=True)

    def linear(self, x: Map, features: int) -> Map:
        number = len(self.nodes)
        weight = self.weight(f"w{number}", (features, x.channels), self.activation)
        bias = self.weight(f"b{number}", (features,), self.bias)
        attrs = {"activation": "none", "keep_dims": False}
        return self.node("fully_connected", (x.name, weight, bias), (features, 1, 1), attrs, flat=True)
