"""Cross-layer equalisation: weights of neighbouring layers take ranges from each other, so that none wastes int8 steps.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.1. Of a
layer, a ReLU (or nothing) and a second layer, channel i of the first is divided by s_i and what the second reads of it
is multiplied by s_i: relu(x / s) · s = relu(x), so the model computes what it did.
"""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Tensor

_SWEEPS = 20
_SETTLED = 1e-3
HOMOGENEOUS = ("none", "relu")
"""Activations with f(s·x) = s·f(x) for s > 0."""


def equalised(graph: Graph) -> Graph:
    """The float edge graph with equalised weights; one without pairs is returned as it is.

    A pair is a weighted layer whose output is read by one conv2d or depthwise_conv2d alone, groups apart.
    """
    pairs = _pairs(graph)
    if not pairs:
        return graph
    nodes = {node.name: node for node in graph.nodes}
    weights = {name: _values(graph, nodes[name], 1) for pair in pairs for name in pair}
    biases = {first: _values(graph, nodes[first], 2) for first, _ in pairs if _has_bias(nodes[first])}
    for _ in range(_SWEEPS):
        moved = 0.0
        for first, second in pairs:
            factors = _factors(nodes[first], nodes[second], weights)
            moved = max(moved, float(np.abs(np.log(factors)).max()))
            weights[first] = weights[first] / _along(weights[first], WEIGHTED[nodes[first].op], factors)
            weights[second] = weights[second] * _along(weights[second], _input_axis(nodes[second]), factors)
            if first in biases:
                biases[first] = biases[first] / factors
        if moved < _SETTLED:
            break
    return _with_constants(graph, weights, biases)


def _pairs(graph: Graph) -> list[tuple[str, str]]:
    readers = graph.consumers()
    found = []
    for node in graph.nodes:
        following = readers.get(node.outputs[0], [])
        if node.op not in WEIGHTED or node.attrs["activation"] not in HOMOGENEOUS or len(following) != 1:
            continue
        second = following[0]
        if node.outputs[0] in graph.outputs or second.op not in ("conv2d", "depthwise_conv2d"):
            continue
        channels = graph.tensor(node.outputs[0]).dims[-1]
        same = second.op == "depthwise_conv2d" and second.attrs["multiplier"] == 1
        if same or (second.op == "conv2d" and graph.tensor(second.inputs[1]).dims[3] == channels):
            found.append((node.name, second.name))
    return found


def _factors(first: Node, second: Node, weights: dict[str, np.ndarray]) -> np.ndarray:
    """float64 [channels]: √(range of the first / range of the second); 1 where one of them is 0."""
    ranges = [
        np.abs(np.moveaxis(weights[node.name], axis, 0)).reshape(weights[node.name].shape[axis], -1).max(axis=1)
        for node, axis in ((first, WEIGHTED[first.op]), (second, _input_axis(second)))
    ]
    usable = (ranges[0] > 0) & (ranges[1] > 0)
    out: np.ndarray = np.sqrt(np.divide(ranges[0], ranges[1], out=np.ones_like(ranges[0]), where=usable))
    return out


def _input_axis(node: Node) -> int:
    """Axis of the weights that is the input channel (of a depthwise layer, the same as the output's)."""
    return 3


def _along(values: np.ndarray, axis: int, factors: np.ndarray) -> np.ndarray:
    shape = [1] * values.ndim
    shape[axis] = -1
    return factors.reshape(shape)


def _has_bias(node: Node) -> bool:
    return len(node.inputs) > 2 and bool(node.inputs[2])


def _values(graph: Graph, node: Node, position: int) -> np.ndarray:
    values = np.asarray(graph.tensor(node.inputs[position]).data, np.float64)
    return values.reshape(-1) if position == 2 else values


def _with_constants(graph: Graph, weights: dict[str, np.ndarray], biases: dict[str, np.ndarray]) -> Graph:
    nodes, tensors = [], []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for position, kind, table in ((1, "weights", weights), (2, "bias", biases)):
            if node.name in table:
                data = table[node.name].astype(np.float32)
                inputs[position] = f"{node.name}/equalised_{kind}"
                tensors.append(Tensor(inputs[position], data.shape, "float32", data=data))
        nodes.append(node.replace(inputs=tuple(inputs)))
    return graph.rebuild(nodes, tensors)
