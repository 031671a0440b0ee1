"""Structured pruning: channels with the least weight leave a float edge graph, wherever they are read or written.

A channel's weight is the geometric mean, over the layers that write, filter or read it, of the norm of its weights
relative to the layer's mean (magnitude pruning, Li et al., "Pruning Filters for Efficient ConvNets", 2017, made
independent of how layers share a scale between them). Batch norm is folded before, so its scale counts.
Sets of channels that sums tie together lose the same ones.
"""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.channel_sets import ChannelSets, channel_sets
from edgekit.graph.passes.check_edge import WEIGHTED, check_edge
from edgekit.graph.tensor import Tensor

STEP = 4
"""Channels are left in multiples of so many, which is what the chips' kernels multiply at once."""


def pruned(graph: Graph, share: float) -> Graph:
    """The float edge graph without ``share`` of the channels of every set that can lose some.

    Args:
        graph: float edge graph.
        share: above 0 and below 1; what is left of a set is rounded up to a multiple of 4.

    Raises:
        BadConfigError: a share out of range, or no channel can go.
    """
    if not 0.0 < share < 1.0:
        raise BadConfigError(f"share {share:g} is not above 0 and below 1", where="--prune", mend="write 0.25")
    sets = channel_sets(graph)
    weight = _weights_of_channels(graph, sets)
    kept: dict[int, np.ndarray] = {}
    for number in sets.removable():
        size = sets.size[number]
        left = min(size, -(-round(size * (1.0 - share)) // STEP) * STEP)
        if number in weight and left < size:
            kept[number] = np.sort(np.argsort(-weight[number], kind="stable")[:left])
    if not kept:
        raise BadConfigError("no channel of the model can be removed", where="--prune", mend="leave it out")
    return check_edge(_without(graph, sets, kept))


def _weights_of_channels(graph: Graph, sets: ChannelSets) -> dict[int, np.ndarray]:
    """Set → float64 [channels]: the mean logarithm of relative norms."""
    found: dict[int, list[np.ndarray]] = {}
    for node in graph.nodes:
        for number, axis in _axes(graph, node, sets, 1) if node.op in WEIGHTED else ():
            values = np.asarray(graph.tensor(node.inputs[1]).data, np.float64)
            norms = np.sqrt(np.square(np.moveaxis(values, axis, 0)).reshape(values.shape[axis], -1).sum(axis=1))
            if len(norms) == sets.size[number]:
                found.setdefault(number, []).append(np.log(np.maximum(norms / max(norms.mean(), 1e-30), 1e-6)))
    return {number: np.mean(parts, axis=0) for number, parts in found.items()}


def _axes(graph: Graph, node: Node, sets: ChannelSets, position: int) -> list[tuple[int, int]]:
    """(set, axis) of constant input ``position`` of a node: where its channels lie."""
    made, read = sets.number[node.outputs[0]], sets.number.get(node.inputs[0])
    if not graph.tensor(node.inputs[position]).dims:
        return []  # a number
    if node.op in WEIGHTED and position == 1:
        own = [(made, WEIGHTED[node.op])]
        inner = {"conv2d": 3, "fully_connected": 1}.get(node.op)
        return own if inner is None or read is None else [*own, (read, inner)]
    return [(made, len(graph.tensor(node.inputs[position]).dims) - 1)]


def _without(graph: Graph, sets: ChannelSets, kept: dict[int, np.ndarray]) -> Graph:
    nodes, tensors = [], []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for position, name in enumerate(node.inputs):
            if name and graph.tensor(name).constant:
                tensor = _cut(graph, node, position, sets, kept)
                inputs[position] = tensor.name
                tensors.append(tensor)
        nodes.append(node.replace(inputs=tuple(inputs)))
    for name, number in sets.number.items():
        tensor = graph.tensor(name)
        if number in kept:
            tensors.append(tensor.replace(shape=(*tensor.shape[:-1], len(kept[number]))))
    return graph.rebuild(nodes, tensors)


def _cut(graph: Graph, node: Node, position: int, sets: ChannelSets, kept: dict[int, np.ndarray]) -> Tensor:
    """A constant without what belonged to removed channels."""
    tensor = graph.tensor(node.inputs[position])
    data = np.asarray(tensor.data)
    for number, axis in _axes(graph, node, sets, position):
        if number not in kept or data.shape[axis] == 1:
            continue
        places = kept[number]
        if node.op == "fully_connected" and axis == 1 and position == 1:
            # A flattened map: the channels of each place lie together.
            places = np.concatenate([places + start for start in range(0, data.shape[1], sets.size[number])])
        data = np.take(data, places, axis=axis)
    if data.shape == tensor.dims:
        return tensor
    return Tensor(f"{node.name}/pruned{position}", data.shape, tensor.dtype, data=np.ascontiguousarray(data))
