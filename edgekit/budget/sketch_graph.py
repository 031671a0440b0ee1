"""Graphs of sketched models: real operators and shapes, weights of zeros, so that the counting rules apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Literal

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.models.sketches.arguments import Pair
from edgekit.models.sketches.layers import Map
from edgekit.models.sketches.registry import SKETCHES

Form = Literal["batch norm", "float", "int8"]
"""How the file holds the model: ONNX as exported, lowered with batch norm folded, or integer."""

_MAX_NODES = 2_048
_MAX_ELEMENTS = 1 << 24
"""Weights of a sketch: far above every student, and little memory when they are folded."""
_BIASED = ("conv2d", "depthwise_conv2d", "fully_connected")


def sketch_graph(model: str, arguments: Mapping[str, Any], shape: Pair, form: Form) -> Graph:
    """The registered model with ``arguments`` on features (H, W) = ``shape``.

    Raises:
        BadConfigError: no sketch of this model, or arguments that it does not take.
        EdgekitError: the model cannot be lowered, where ``form`` asks for that.
    """
    if model not in SKETCHES:
        raise BadConfigError(f"model {model!r} has no sketch")
    pen = _OnnxPen()
    drawn = pen.finish(model, SKETCHES[model].draw(pen, pen.start(shape), arguments))
    if form == "batch norm":
        return drawn
    from edgekit.graph.passes.lower import lower

    lowered = lower(drawn)
    return lowered if form == "float" else _as_integers(lowered)


class _OnnxPen:
    """Draws as ``edgekit export`` writes: ONNX operators, float32, NCHW."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.drawn: list[Node] = []
        self.elements = 0

    def start(self, shape: Pair) -> Map:
        if min(shape) < 1:
            raise BadConfigError(f"features of {shape} are empty")
        return self._activation("features", (1, 1, *shape))

    def finish(self, name: str, last: Map) -> Graph:
        return Graph(name, "onnx", self.tensors, tuple(self.drawn), ("features",), (last.name,))

    def weight(self, *shape: int) -> Map:
        self.elements += prod(shape)
        if self.elements > _MAX_ELEMENTS:
            raise BadConfigError(f"more than {_MAX_ELEMENTS:,} weights", where="sketch")
        # Zeros of one stored element: whatever checks the weights sees some, and nothing is allocated.
        return self._constant(np.broadcast_to(np.zeros((), np.float32), shape))

    def integers(self, *values: int) -> Map:
        return self._constant(np.array(values, np.int64))

    def index(self, value: int) -> Map:
        return self._constant(np.array(value, np.int64))

    def scalar(self, value: float) -> Map:
        return self._constant(np.array(value, np.float32))

    def nodes(
        self, op: str, inputs: Sequence[Map], shapes: Sequence[tuple[int, ...]], attrs: dict[str, Any]
    ) -> tuple[Map, ...]:
        if len(self.drawn) >= _MAX_NODES or min(map(min, shapes)) < 1:
            raise BadConfigError(f"the maps become empty or the model too deep at {op}")
        name = f"{op}_{len(self.drawn)}"
        outputs = tuple(self._activation(f"{name}_output_{place}", shape) for place, shape in enumerate(shapes))
        read, made = tuple(x.name for x in inputs), tuple(y.name for y in outputs)
        self.drawn.append(Node(op, name, read, made, attrs))
        return outputs

    def _activation(self, name: str, shape: tuple[int, ...]) -> Map:
        self.tensors[name] = Tensor(name, shape, "float32")
        return Map(name, shape)

    def _constant(self, data: np.ndarray) -> Map:
        name = f"constant{len(self.tensors)}"
        self.tensors[name] = Tensor(name, data.shape, str(data.dtype), data=data)
        return Map(name, data.shape)


def _as_integers(graph: Graph) -> Graph:
    """The lowered graph in the types of an int8 model; any scale will do, no count depends on it.

    Every weighted layer has a bias there: TFLite's kernels take none without. Functions of one value are tables.
    """
    graph = _with_tables(_with_biases(graph))
    biases = {node.inputs[2] for node in graph.nodes if node.op in _BIASED and len(node.inputs) > 2}
    tensors = {name: _as_integer(tensor, name in biases) for name, tensor in graph.tensors.items()}
    return replace(graph, tensors=tensors)


def _with_biases(graph: Graph) -> Graph:
    tensors, nodes = dict(graph.tensors), []
    for node in graph.nodes:
        if node.op in _BIASED and not any(node.inputs[2:]):
            bias = Tensor(f"{node.name}/bias", (channels := graph.tensor(node.outputs[0]).dims[-1],), "float32")
            tensors[bias.name] = bias.replace(data=np.zeros(channels, np.float32))
            node = node.replace(inputs=(*node.inputs[:2], bias.name))
        nodes.append(node)
    return graph.replace(tensors=tensors, nodes=tuple(nodes))


def _with_tables(graph: Graph) -> Graph:
    tensors, nodes = dict(graph.tensors), []
    for node in graph.nodes:
        if node.op == "pointwise":
            table = Tensor(f"{node.name}/table", (256,), "float32", data=np.zeros(256, np.float32))
            tensors[table.name] = table
            node = Node("lookup", node.name, (node.inputs[0], table.name), node.outputs)
        nodes.append(node)
    return graph.replace(tensors=tensors, nodes=tuple(nodes))


def _as_integer(tensor: Tensor, bias: bool) -> Tensor:
    if tensor.dtype != "float32":
        return tensor
    dtype = "int32" if bias else "int8"
    data = None if tensor.data is None else np.broadcast_to(np.zeros((), dtype), tensor.dims)
    one = Quantization(np.ones(1, np.float32), np.zeros(1, np.int64))
    return replace(tensor, dtype=dtype, data=data, quant=one)
