"""Fold ``affine`` (BatchNormalization and other arithmetic with constants) into the layers around it.

1. affine after affine: one affine.
2. affine after conv2d, depthwise_conv2d or fully_connected without activation: into its weights and bias.
3. affine before conv2d without padding or before fully_connected: into its weights and bias (shift through the sums).
4. what is left: a depthwise_conv2d of window 1×1.

Weights are folded in float64 and stored as float32.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Tensor


def fold_affine(graph: Graph) -> Graph:
    """A new graph without ``affine`` nodes; the results agree to rounding."""
    while True:
        folded = _fold_one(graph)
        if folded is None:
            break
        graph = folded
    for node in graph.nodes:
        if node.op == "affine":
            graph = _to_depthwise(graph, node)
    return graph


Fold = Callable[[Graph, Node, Node], Graph | None]


def _fold_one(graph: Graph) -> Graph | None:
    """The graph after the first fold that applies; None when none does."""
    producers, consumers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        if node.op != "affine":
            continue
        before = producers.get(node.inputs[0])
        if before and len(consumers[node.inputs[0]]) == 1 and node.inputs[0] not in graph.outputs:
            folded = _into_affine(graph, before, node) or _into_layer_before(graph, before, node)
            if folded is not None:
                return folded
        after = consumers.get(node.outputs[0], [])
        if len(after) == 1 and node.outputs[0] not in graph.outputs:
            folded = _into_layer_after(graph, node, after[0])
            if folded is not None:
                return folded
    return None


def _into_affine(graph: Graph, first: Node, second: Node) -> Graph | None:
    if first.op != "affine":
        return None
    (scale1, shift1), (scale2, shift2) = _constants(graph, first), _constants(graph, second)
    scale = _constant(f"{second.inputs[1]}*", scale1 * scale2)
    shift = _constant(f"{second.inputs[2]}*", shift1 * scale2 + shift2)
    merged = second.replace(inputs=(first.inputs[0], scale.name, shift.name))
    return _without(graph, first, {second.name: merged}, [scale, shift])


def _into_layer_before(graph: Graph, layer: Node, node: Node) -> Graph | None:
    """w'[o] = w[o]·scale[o], b'[o] = b[o]·scale[o] + shift[o]; the layer takes over the affine's output tensor."""
    if layer.op not in WEIGHTED or layer.attrs["activation"] != "none":
        return None
    weights = graph.tensor(layer.inputs[1])
    scale, shift = _constants(graph, node)
    channels = weights.dims[WEIGHTED[layer.op]]
    if scale.size != channels:
        return None
    shape = [1] * len(weights.dims)
    shape[WEIGHTED[layer.op]] = channels
    new_weights = _constant(f"{weights.name}*", np.asarray(weights.data, np.float64) * scale.reshape(shape))
    new_bias = _constant(f"{layer.name}/bias*", _bias(graph, layer, channels) * scale + shift)
    merged = layer.replace(inputs=(layer.inputs[0], new_weights.name, new_bias.name), outputs=node.outputs)
    return _without(graph, node, {layer.name: merged}, [new_weights, new_bias])


def _into_layer_after(graph: Graph, node: Node, layer: Node) -> Graph | None:
    """w'[o,…,i] = w[o,…,i]·scale[i], b'[o] = b[o] + Σ w[o,…,i]·shift[i]; wrong where zeros are padded in between."""
    if layer.op not in ("conv2d", "fully_connected") or layer.inputs[0] != node.outputs[0]:
        return None
    if layer.op == "conv2d" and layer.attrs["pad"] != ((0, 0), (0, 0)):
        return None
    weights = graph.tensor(layer.inputs[1])
    scale, shift = _constants(graph, node)
    values = np.asarray(weights.data, np.float64)
    if values.shape[-1] % scale.size:
        return None
    # A fully connected layer may read several positions of the last axis in one row.
    scale, shift = (np.tile(vector, values.shape[-1] // scale.size) for vector in (scale, shift))
    added = (values * shift).reshape(values.shape[0], -1).sum(axis=1)
    new_weights = _constant(f"{weights.name}*", values * scale)
    new_bias = _constant(f"{layer.name}/bias*", _bias(graph, layer, values.shape[0]) + added)
    merged = layer.replace(inputs=(node.inputs[0], new_weights.name, new_bias.name))
    return _without(graph, node, {layer.name: merged}, [new_weights, new_bias])


def _to_depthwise(graph: Graph, node: Node) -> Graph:
    """The affine as a depthwise convolution of window 1×1, between reshapes where the rank is not 4."""
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    scale, shift = _constants(graph, node)
    channels = scale.size
    weights = _constant(f"{node.inputs[1]}*", scale.reshape(1, 1, 1, channels))
    bias = _constant(f"{node.inputs[2]}*", shift)
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pad": ((0, 0), (0, 0)), "activation": "none", "multiplier": 1}
    if len(source.dims) == 4:
        layer = Node("depthwise_conv2d", node.name, (source.name, weights.name, bias.name), node.outputs, attrs)
        return _with(graph, node, [layer], [weights, bias])
    image = (1, 1, prod(source.dims) // channels, channels)
    inner = [Tensor(f"{node.name}:{side}", image, "float32") for side in ("image", "scaled")]
    names = (inner[0].name, weights.name, bias.name)
    nodes = [
        Node("reshape", f"{node.name}/image", (source.name,), (inner[0].name,)),
        Node("depthwise_conv2d", node.name, names, (inner[1].name,), attrs),
        Node("reshape", f"{node.name}/back", (inner[1].name,), (output.name,)),
    ]
    return _with(graph, node, nodes, [weights, bias, *inner])


def _constants(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of an affine, float64."""
    scale, shift = (np.asarray(graph.tensor(name).data, np.float64) for name in node.inputs[1:])
    return scale, shift


def _bias(graph: Graph, layer: Node, channels: int) -> np.ndarray:
    name = layer.inputs[2] if len(layer.inputs) > 2 else ""
    return np.asarray(graph.tensor(name).data, np.float64) if name else np.zeros(channels)


def _constant(name: str, values: np.ndarray) -> Tensor:
    data = np.ascontiguousarray(values, np.float32)
    return Tensor(name, data.shape, "float32", data=data)


def _without(graph: Graph, gone: Node, changed: dict[str, Node], tensors: list[Tensor]) -> Graph:
    nodes = [changed.get(node.name, node) for node in graph.nodes if node is not gone]
    return graph.rebuild(nodes, tensors)


def _with(graph: Graph, old: Node, new: list[Node], tensors: list[Tensor]) -> Graph:
    nodes = [item for node in graph.nodes for item in (new if node is old else [node])]
    return graph.rebuild(nodes, tensors)
