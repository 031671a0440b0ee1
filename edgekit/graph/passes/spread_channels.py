"""Activations with a scale for each channel (NNCF, in front of depthwise layers) into activations with one.

Where a weighted layer makes the activation, with a ReLU or nothing behind it, and one depthwise layer reads it, their
own scales take the differences over: channel c of the first is multiplied by s/s_c, what the second reads of it by
s_c/s. Every stored integer stays what it was. Elsewhere one range that holds all channels' ranges takes their place,
which rounds some of them more coarsely than the file does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Quantization, Tensor

Scales = Mapping[str, np.ndarray]


def spread_channels(
    graph: Graph, quants: Mapping[str, Quantization], scales: Scales
) -> tuple[Graph, dict[str, Quantization], dict[str, np.ndarray]]:
    """The graph, its activations' quantization (all per tensor) and its weights' scales, as in passes/qdq.py."""
    found, known = dict(quants), dict(scales)
    for name, quant in quants.items():
        if quant.per_tensor:
            continue
        pair = _neighbours(graph, name, quant)
        if pair is None:
            found[name] = _union(quant)
            continue
        shared = float(quant.scale.max())
        factors = quant.scale.astype(np.float64) / shared
        first, second = pair
        graph = _scaled(graph, first, WEIGHTED[first.op], 1.0 / factors, known, bias=True)
        # Weights of conv2d and depthwise_conv2d both have what they read of a channel on axis 3.
        graph = _scaled(graph, second, 3, factors, known, bias=False)
        found[name] = Quantization(np.array([shared]), quant.zero_point[:1])
    return graph, found, known


def _neighbours(graph: Graph, name: str, quant: Quantization) -> tuple[Node, Node] | None:
    """Maker and only reader of an activation, where they can take its scales over."""
    maker, readers = graph.producers().get(name), graph.consumers().get(name, [])
    if maker is None or len(readers) != 1 or name in graph.outputs or len(set(quant.zero_point.tolist())) != 1:
        return None
    reader = readers[0]
    if maker.op not in WEIGHTED or maker.attrs["activation"] not in ("none", "relu"):
        return None
    if reader.op != "depthwise_conv2d" or reader.attrs["multiplier"] != 1:
        return None
    return maker, reader


def _scaled(
    graph: Graph, node: Node, axis: int, factors: np.ndarray, scales: dict[str, np.ndarray], *, bias: bool
) -> Graph:
    """The graph with channels of a layer's weights (and bias) multiplied; their known scales are, too."""
    weights = graph.tensor(node.inputs[1])
    shape = [1] * len(weights.dims)
    shape[axis] = -1
    made = [_constant(f"{weights.name}/{node.name}/spread", np.asarray(weights.data) * factors.reshape(shape))]
    if weights.name in scales:
        scales[made[0].name] = np.broadcast_to(scales[weights.name], factors.shape) * factors
    inputs = [node.inputs[0], made[0].name, *node.inputs[2:]]
    if bias and len(node.inputs) > 2 and node.inputs[2]:
        old = graph.tensor(node.inputs[2])
        made.append(_constant(f"{old.name}/{node.name}/spread", np.asarray(old.data).reshape(-1) * factors))
        inputs[2] = made[1].name
    changed = node.replace(inputs=tuple(inputs))
    return graph.rebuild([changed if other.name == node.name else other for other in graph.nodes], made)


def _constant(name: str, data: np.ndarray) -> Tensor:
    return Tensor(name, data.shape, "float32", data=data.astype(np.float32))


def _union(quant: Quantization) -> Quantization:
    """One int8 quantization whose range holds those of all channels."""
    low = float(np.min((-128 - quant.zero_point) * quant.scale.astype(np.float64)))
    high = float(np.max((127 - quant.zero_point) * quant.scale.astype(np.float64)))
    scale = (high - low) / 255
    return Quantization(np.array([scale]), np.array([min(max(round(-128 - low / scale), -128), 127)]))
