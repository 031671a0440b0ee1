"""Which activations of a float edge graph have the same channels: what must be removed together, or not at all.

The channels of an activation are its last axis. An operator that computes channel by channel carries them on; the two
sides of a sum share them; a convolution starts a new set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BINARY_OPS, activation_inputs

_BY_CHANNEL = frozenset(
    {"avg_pool2d", "max_pool2d", "relu", "relu6", "logistic", "tanh", "leaky_relu", "hard_swish", "rsqrt"}
    | {"pointwise", "quantize", "resize_nearest", "resize_bilinear"}
)
"""Operators of one activation whose output channel i depends on input channel i alone."""


@dataclass(frozen=True, eq=False)
class ChannelSets:
    """Sets of activations by a number.

    Attributes:
        number: of the set of each activation.
        size: channels of each set.
        fixed: sets that must stay whole: graph inputs and outputs, and what an operator reads that mixes, moves or
            counts channels.
    """

    number: Mapping[str, int]
    size: Mapping[int, int]
    fixed: frozenset[int]

    def removable(self) -> tuple[int, ...]:
        """Sets of which channels may go, in order."""
        return tuple(number for number in sorted(self.size) if number not in self.fixed)


def channel_sets(graph: Graph) -> ChannelSets:
    """The sets of a float edge graph."""
    parent = {name: name for name in (*graph.inputs, *(out for node in graph.nodes for out in node.outputs if out))}
    whole = {*graph.inputs, *graph.outputs}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for node in graph.nodes:
        joined, kept = _joined(graph, node), _kept_whole(graph, node)
        whole.update(kept)
        for name in joined[1:]:
            parent[root(name)] = root(joined[0])
    roots = list(dict.fromkeys(root(name) for name in parent))
    number = {name: roots.index(root(name)) for name in parent}
    return ChannelSets(
        number,
        {index: graph.tensor(name).dims[-1] if graph.tensor(name).dims else 1 for index, name in enumerate(roots)},
        frozenset(number[name] for name in whole),
    )


def _joined(graph: Graph, node: Node) -> tuple[str, ...]:
    """Activations of ``node`` that have the same channels."""
    source, output = node.inputs[0], node.outputs[0]
    if node.op in _BY_CHANNEL or _is_depthwise(node) or _keeps_channels(graph, node):
        return (source, output)
    if node.op in BINARY_OPS:
        channels = graph.tensor(output).dims[-1]
        sides = [name for name in activation_inputs(node) if name in graph.tensors and not graph.tensor(name).constant]
        return (output, *(name for name in sides if graph.tensor(name).dims[-1:] == (channels,)))
    return ()


def _kept_whole(graph: Graph, node: Node) -> tuple[str, ...]:
    """Activations of ``node`` whose channels must all stay."""
    if node.op == "conv2d":
        grouped = graph.tensor(node.inputs[1]).dims[3] != graph.tensor(node.inputs[0]).dims[-1]
        return (node.inputs[0], node.outputs[0]) if grouped else ()
    if node.op in ("mean", "sum"):
        # A mean over channels counts those that are left; a sum would change.
        return () if _keeps_channels(graph, node) or node.op == "mean" else (node.inputs[0],)
    if node.op == "fully_connected" or node.op in BINARY_OPS or _joined(graph, node):
        return ()
    return (*(name for name in activation_inputs(node) if not graph.tensor(name).constant), *node.outputs)


def _is_depthwise(node: Node) -> bool:
    return node.op == "depthwise_conv2d" and int(node.attrs["multiplier"]) == 1


def _keeps_channels(graph: Graph, node: Node) -> bool:
    """A reshape or transpose-free move that leaves the last axis alone, a pad of other axes, a mean over other axes."""
    dims, made = graph.tensor(node.inputs[0]).dims, graph.tensor(node.outputs[0]).dims
    if node.op == "reshape":
        return dims[-1:] == made[-1:]
    if node.op in ("pad", "mirror_pad"):
        return tuple(node.attrs["pads"][-1]) == (0, 0)
    return node.op in ("mean", "sum") and len(dims) - 1 not in node.attrs["axes"] and dims[-1:] == made[-1:]
