"""Outputs that take over the memory of a dying input: at the same place, or a fixed distance in front of it.

An element-wise kernel may write where it reads. A convolution that works through its rows may too, if its output
begins far enough in front of its input: what it overwrites was read before. The distance is the operator's
*displacement* (overlap.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BINARY_OPS
from edgekit.graph.placement import Buffer, aligned

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


@dataclass(frozen=True)
class TakeOver:
    """An output that lies on an input's memory: the input begins ``distance`` bytes behind the output."""

    donor: str
    distance: int


def taken_over(graph: Graph, lifetimes: Lifetimes) -> dict[str, TakeOver]:
    """Output to the dying input that it replaces, for the operators of IN_PLACE_OPS."""
    allowed = IN_PLACE_OPS[graph.dialect]
    chosen: dict[str, TakeOver] = {}
    for step, node in enumerate(graph.nodes):
        if node.op in allowed and node.outputs and node.outputs[0]:
            donors = (name for name in _donors(node) if _replaces(graph, node, name, step, lifetimes))
            donor = next(donors, None)
            if donor is not None:
                chosen[node.outputs[0]] = TakeOver(donor, 0)
    return chosen


def with_overlaps(
    graph: Graph,
    lifetimes: Lifetimes,
    sizes: Mapping[str, int],
    chosen: Mapping[str, TakeOver],
    displacements: Mapping[str, int],
) -> dict[str, TakeOver]:
    """``chosen`` and, in the graph's order, each overlap that lowers the step that uses most memory, or the next, ….

    An overlap keeps the input's whole buffer alive for as long as the output. Where the output ends in a sum that took
    it over, the sum's other input is tried as well: a shortcut is often the smaller buffer to go on in.

    Args:
        graph: whose nodes ``displacements`` names.
        lifetimes: first and last step of every planned tensor.
        sizes: their bytes.
        chosen: what is taken over already.
        displacements: node name to the bytes by which its first input must begin behind its output.
    """
    best = dict(chosen)
    score = _score(lifetimes, sizes, best)
    for step, node in enumerate(graph.nodes):
        distance = displacements.get(node.name)
        if distance is None or not _dies(graph, node.inputs[0], step, lifetimes) or node.outputs[0] in best:
            continue
        trial = {**best, node.outputs[0]: TakeOver(node.inputs[0], aligned(distance))}
        for option in (trial, *_other_sums(graph, node.outputs[0], trial, lifetimes)):
            found = _score(lifetimes, sizes, option)
            if found < score:
                best, score = option, found
    return best


def _other_sums(
    graph: Graph, name: str, taken: Mapping[str, TakeOver], lifetimes: Lifetimes
) -> Iterator[dict[str, TakeOver]]:
    """``taken`` with the sum or product that took ``name`` over in its other input's memory instead."""
    for step, node in enumerate(graph.nodes):
        if node.op.lower() in BINARY_OPS and taken.get(node.outputs[0]) == TakeOver(name, 0):
            for other in _donors(node):
                if other != name and _replaces(graph, node, other, step, lifetimes):
                    yield {**taken, node.outputs[0]: TakeOver(other, 0)}


def buffers_of(lifetimes: Lifetimes, sizes: Mapping[str, int], taken: Mapping[str, TakeOver]) -> list[Buffer]:
    """Tensors chained by take-overs become one buffer, each at its own place in it."""
    root: dict[str, str] = {}
    place: dict[str, int] = {}
    members: dict[str, list[str]] = {}
    for name in lifetimes:
        over = taken.get(name)
        root[name] = root[over.donor] if over else name
        place[name] = place[over.donor] - over.distance if over else 0
        members.setdefault(root[name], []).append(name)
    return [_buffer(names, place, lifetimes, sizes) for names in members.values()]


def _buffer(names: list[str], place: Mapping[str, int], lifetimes: Lifetimes, sizes: Mapping[str, int]) -> Buffer:
    lowest = min(place[name] for name in names)
    return Buffer(
        tensors=tuple(names),
        size=max(place[name] - lowest + sizes[name] for name in names),
        first=min(lifetimes[name][0] for name in names),
        last=max(lifetimes[name][1] for name in names),
        places=tuple(place[name] - lowest for name in names),
    )


def _score(lifetimes: Lifetimes, sizes: Mapping[str, int], taken: Mapping[str, TakeOver]) -> tuple[int, ...]:
    """Live bytes of the steps, the largest first: equal blocks of a network lower the peak only all together."""
    live = live_bytes(buffers_of(lifetimes, sizes, taken), 1 + max((last for _, last in lifetimes.values()), default=0))
    return tuple(np.sort(live)[::-1].tolist())


def live_bytes(buffers: list[Buffer], steps: int) -> np.ndarray:
    """Bytes of the live buffers at each step, int64 [steps], each buffer rounded up to ALIGNMENT."""
    change = np.zeros(steps + 1, dtype=np.int64)
    for buffer in buffers:
        change[buffer.first] += aligned(buffer.size)
        change[min(buffer.last + 1, steps)] -= aligned(buffer.size)
    return np.cumsum(change)[:steps]


def _donors(node: Node) -> tuple[str, ...]:
    """Inputs whose buffer the output may take: both of a sum or product, else the first."""
    return node.inputs[:2] if node.op.lower() in BINARY_OPS else node.inputs[:1]


def _dies(graph: Graph, name: str, step: int, lifetimes: Lifetimes) -> bool:
    return name in lifetimes and lifetimes[name][1] == step and name not in graph.outputs


def _replaces(graph: Graph, node: Node, name: str, step: int, lifetimes: Lifetimes) -> bool:
    if not _dies(graph, name, step, lifetimes):
        return False
    source, output = graph.tensor(name), graph.tensor(node.outputs[0])
    return (source.nbytes, source.dtype, source.elements) == (output.nbytes, output.dtype, output.elements)
