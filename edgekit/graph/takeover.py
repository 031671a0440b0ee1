"""Outputs that take over the memory of a dying input: all of it, or some of it.

An element-wise kernel may write where it reads: both tensors are one buffer. A convolution that works through its rows
may overwrite what it has read, if its output begins far enough in front of its input (overlap.py): its output is a
buffer of its own that may overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BINARY_OPS
from edgekit.graph.placement import Buffer, Overlap, Relations, aligned, saving

Lifetimes = Mapping[str, tuple[int, int]]

IN_PLACE_OPS: Mapping[str, frozenset[str]] = {
    "edge": frozenset(
        {"relu", "relu6", "logistic", "tanh", "leaky_relu", "hard_swish", "rsqrt", "reshape", *BINARY_OPS}
        | {"pointwise", "lookup", "softmax"}
    ),
    "tflite": frozenset(
        {"RELU", "RELU6", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "ADD", "SUB", "MUL"}
        | {"LOGISTIC", "TANH", "LEAKY_RELU", "HARD_SWISH", "RSQRT"}
    ),
    "aten": frozenset(
        {"aten.relu", "aten.relu6", "aten.clamp", "aten.view", "aten.reshape", "aten.flatten", "aten.squeeze"}
        | {"aten.unsqueeze", "aten.dropout", "aten.contiguous", "aten.batch_norm"}
    ),
    "onnx": frozenset(
        {"Relu", "Clip", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Add", "Sub", "Mul"}
        | {"BatchNormalization"}
    ),
}
"""Operators, by dialect, whose output may lie exactly on an input's buffer: same size and offset, the input dead after.

A generated kernel of such an operator must be correct for ``output == input`` (element i of the output written after
element i of the inputs is read, nothing before i read again). For BINARY_OPS it may be either input, of the output's
shape; the other input may be smaller (broadcast) and is elsewhere, or is the very same tensor.
"""


def taken_over(graph: Graph, lifetimes: Lifetimes, *, oldest: bool = False) -> dict[str, str]:
    """Output to the dying input on which it lies exactly, for the operators of IN_PLACE_OPS.

    Args:
        graph: of any dialect.
        lifetimes: first and last step of every planned tensor.
        oldest: where a sum or product may take either input, take the older one, a shortcut, and not the first.
    """
    chosen: dict[str, str] = {}
    for step, node in enumerate(graph.nodes):
        dying = replaceable(graph, node, step, lifetimes)
        if dying:
            chosen[node.outputs[0]] = min(dying, key=lambda name: lifetimes[name][0]) if oldest else dying[0]
    return chosen


def replaceable(graph: Graph, node: Node, step: int, lifetimes: Lifetimes) -> tuple[str, ...]:
    """Those of :func:`donors` that die at ``step``, which is the node's."""
    return tuple(name for name in donors(graph, node) if _dies(graph, name, step, lifetimes))


def donors(graph: Graph, node: Node) -> tuple[str, ...]:
    """Inputs exactly on which the output of an operator of IN_PLACE_OPS may lie: both of a sum or product, else the
    first, of the output's size and type.
    """
    if node.op not in IN_PLACE_OPS[graph.dialect] or not node.outputs or not node.outputs[0]:
        return ()
    output = graph.tensor(node.outputs[0])
    names = node.inputs[:2] if node.op.lower() in BINARY_OPS else node.inputs[:1]
    sources = [graph.tensor(name) for name in names if name]
    wanted = (output.nbytes, output.dtype, output.elements)
    return tuple(source.name for source in sources if (source.nbytes, source.dtype, source.elements) == wanted)


def permitted(
    graph: Graph, lifetimes: Lifetimes, overlaps: Mapping[str, Mapping[str, Overlap]]
) -> dict[str, dict[str, Overlap]]:
    """Output to the dying inputs over which it may lie.

    Args:
        graph: of any dialect.
        lifetimes: first and last step of every planned tensor.
        overlaps: node name to inputs over which its output may lie if nothing else needs them.
    """
    found: dict[str, dict[str, Overlap]] = {}
    for step, node in enumerate(graph.nodes):
        dying = {name: how for name, how in overlaps.get(node.name, {}).items() if _dies(graph, name, step, lifetimes)}
        if dying:
            found[node.outputs[0]] = dying
    return found


def buffers_of(lifetimes: Lifetimes, sizes: Mapping[str, int], taken: Mapping[str, str]) -> list[Buffer]:
    """Tensors that take each other's memory over become one buffer."""
    root: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for name in lifetimes:
        root[name] = root[taken[name]] if name in taken else name
        members.setdefault(root[name], []).append(name)
    return [
        Buffer(
            tensors=tuple(names),
            size=aligned(max(sizes[name] for name in names)),
            first=min(lifetimes[name][0] for name in names),
            last=max(lifetimes[name][1] for name in names),
        )
        for names in members.values()
    ]


def relations_of(
    buffers: Sequence[Buffer], lifetimes: Lifetimes, allowed: Mapping[str, Mapping[str, Overlap]]
) -> dict[tuple[int, int], Overlap]:
    """``allowed`` between buffers: an output that begins its buffer over an input that ends its own."""
    begins = {buffer.tensors[0]: i for i, buffer in enumerate(buffers)}
    ends = {buffer.tensors[-1]: i for i, buffer in enumerate(buffers)}
    return {
        (begins[output], ends[source]): how
        for output, sources in allowed.items()
        for source, how in sources.items()
        if output in begins and source in ends and buffers[ends[source]].last == lifetimes[output][0]
    }


def live_bytes(buffers: Sequence[Buffer], relations: Relations, steps: int) -> np.ndarray:
    """Bytes of the live buffers at each step, int64 [steps], less what an output may share with its inputs there."""
    change = np.zeros(steps + 1, dtype=np.int64)
    for buffer in buffers:
        change[buffer.first] += buffer.size
        change[min(buffer.last + 1, steps)] -= buffer.size
    live = np.cumsum(change)[:steps]
    shared: dict[int, int] = {}
    for (output, source), how in relations.items():
        shared[output] = shared.get(output, 0) + saving(buffers[output].size, buffers[source].size, how)
    for output, nbytes in shared.items():
        live[buffers[output].first] -= min(nbytes, buffers[output].size)
    return live


def _dies(graph: Graph, name: str, step: int, lifetimes: Lifetimes) -> bool:
    return name in lifetimes and lifetimes[name][1] == step and name not in graph.outputs
