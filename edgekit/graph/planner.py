"""Static memory plan: one arena, an offset for every activation, shared by the budget gate and the generated C.

Convention. Nodes run in the graph's order, one a step. A tensor is live from the step that makes it (graph inputs: from
step 0) to the step that reads it last; graph outputs live to the end. Two tensors that are live at one step never share
a byte, with one exception: where :data:`IN_PLACE_OPS` allows it, a node's output takes over the buffer of an input that
dies at this node. Every other operator's output lies apart from all its inputs. Constants are in flash and not planned.

Offsets come from placement.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import BINARY_OPS
from edgekit.graph.placement import Buffer, aligned, place

IN_PLACE_OPS: Mapping[str, frozenset[str]] = {
    "edge": frozenset(
        {"relu", "relu6", "logistic", "tanh", "leaky_relu", "hard_swish", "rsqrt", "reshape", *BINARY_OPS}
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
class Step:
    """One row of the timeline: what is live while ``node`` runs.

    Attributes:
        node, op: name and operator of the node.
        live: names of the live tensors in graph order, an aliased buffer's tensors each by their own name.
        bytes: bytes of the live buffers, each counted once and rounded up to ALIGNMENT.
    """

    node: str
    op: str
    live: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class MemoryPlan:
    """Where every activation lies.

    Attributes:
        arena_bytes: size of the arena.
        offsets: activation (or "NODE:scratch") to its offset in bytes, a multiple of ALIGNMENT.
        sizes: the same keys to bytes used there.
        lifetimes: the same keys to (first step, last step), both included.
        lower_bound: the largest sum of live bytes of any step; no plan of this order and these aliases is smaller.
        steps: the timeline, a row a node.
        in_place: tensor to the tensor whose buffer it takes over.
    """

    arena_bytes: int
    offsets: Mapping[str, int]
    sizes: Mapping[str, int]
    lifetimes: Mapping[str, tuple[int, int]]
    lower_bound: int
    steps: tuple[Step, ...]
    in_place: Mapping[str, str]


def plan_memory(graph: Graph, scratch: Mapping[str, int] | None = None, *, in_place: bool = True) -> MemoryPlan:
    """Plan the activations of a graph of any dialect; deterministic.

    Args:
        graph: all activations static.
        scratch: node name to bytes of working memory that its kernel needs while it runs.
        in_place: False gives every output a buffer of its own, whatever IN_PLACE_OPS allows.

    Raises:
        UnknownShapeError: an activation's dimension is unknown.
    """
    lifetimes = _lifetimes(graph)
    sizes = {name: graph.tensor(name).nbytes for name in lifetimes}
    taken_over = _in_place(graph, lifetimes) if in_place else {}
    working = {f"{node}:scratch": size for node, size in (scratch or {}).items() if size > 0}
    position = {node.name: index for index, node in enumerate(graph.nodes)}
    for key, size in working.items():
        index = position[key.removesuffix(":scratch")]
        sizes[key], lifetimes[key] = size, (index, index)
    buffers = _buffers(lifetimes, sizes, taken_over)
    steps = _timeline(graph, buffers, lifetimes)
    bound = max((step.bytes for step in steps), default=sum(aligned(buffer.size) for buffer in buffers))
    places, arena = place(buffers, bound)
    offsets = {name: place for buffer, place in zip(buffers, places, strict=True) for name in buffer.tensors}
    plan = MemoryPlan(arena, offsets, sizes, lifetimes, bound, steps, taken_over)
    problems = overlaps(plan)
    if problems:  # a defect of this module, not of the model
        raise RuntimeError(f"memory plan overlaps: {problems[0]}")
    return plan


def overlaps(plan: MemoryPlan) -> list[tuple[str, str]]:
    """Pairs of tensors that are live together, share bytes and are not an allowed alias; empty for a sound plan."""
    names = sorted(plan.offsets, key=lambda name: (plan.offsets[name], name))
    begin = np.array([plan.offsets[name] for name in names], dtype=np.int64)
    end = begin + np.array([plan.sizes[name] for name in names], dtype=np.int64)
    first = np.array([plan.lifetimes[name][0] for name in names], dtype=np.int64)
    last = np.array([plan.lifetimes[name][1] for name in names], dtype=np.int64)
    found = []
    for i, name in enumerate(names):
        together = (first <= last[i]) & (last >= first[i]) & (begin < end[i]) & (end > begin[i])
        for j in np.flatnonzero(together[i + 1 :]) + i + 1:
            if not _takes_over(plan, name, names[j]):
                found.append((name, names[j]))
    return found


def _takes_over(plan: MemoryPlan, a: str, b: str) -> bool:
    """Whether one of the two takes over the other's buffer at the one step at which both are live."""
    for new, old in ((a, b), (b, a)):
        if plan.in_place.get(new) == old:
            return plan.lifetimes[old][1] == plan.lifetimes[new][0] and plan.offsets[new] == plan.offsets[old]
    return False


def _lifetimes(graph: Graph) -> dict[str, tuple[int, int]]:
    """First and last step of every activation, in the order in which they come to life."""
    end = max(len(graph.nodes) - 1, 0)
    born = {name: 0 for name in graph.inputs if not graph.tensor(name).constant}
    last = dict(born)
    for step, node in enumerate(graph.nodes):
        for name in filter(None, node.outputs):
            born[name] = last[name] = step
        for name in node.inputs:
            if name in born:
                last[name] = step
    last.update({name: end for name in graph.outputs if name in born})
    return {name: (first, last[name]) for name, first in born.items()}


def _in_place(graph: Graph, lifetimes: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Output to the dying input that it replaces."""
    allowed = IN_PLACE_OPS[graph.dialect]
    chosen: dict[str, str] = {}
    for step, node in enumerate(graph.nodes):
        if node.op in allowed and node.outputs and node.outputs[0]:
            donor = next((name for name in _donors(node) if _may_take(graph, node, name, step, lifetimes)), None)
            if donor is not None:
                chosen[node.outputs[0]] = donor
    return chosen


def _donors(node: Node) -> tuple[str, ...]:
    """Inputs whose buffer the output may take: both of a sum or product, else the first."""
    return node.inputs[:2] if node.op.lower() in BINARY_OPS else node.inputs[:1]


def _may_take(graph: Graph, node: Node, name: str, step: int, lifetimes: Mapping[str, tuple[int, int]]) -> bool:
    if name not in lifetimes or lifetimes[name][1] != step or name in graph.outputs:
        return False
    source, output = graph.tensor(name), graph.tensor(node.outputs[0])
    return (source.nbytes, source.dtype, source.elements) == (output.nbytes, output.dtype, output.elements)


def _buffers(
    lifetimes: Mapping[str, tuple[int, int]], sizes: Mapping[str, int], in_place: Mapping[str, str]
) -> list[Buffer]:
    """Tensors chained by in-place operators become one buffer."""
    root: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for name in lifetimes:
        root[name] = root[in_place[name]] if name in in_place else name
        members.setdefault(root[name], []).append(name)
    return [
        Buffer(
            tensors=tuple(names),
            size=max(sizes[name] for name in names),
            first=min(lifetimes[name][0] for name in names),
            last=max(lifetimes[name][1] for name in names),
        )
        for names in members.values()
    ]


def _timeline(graph: Graph, buffers: list[Buffer], lifetimes: Mapping[str, tuple[int, int]]) -> tuple[Step, ...]:
    count = len(graph.nodes)
    change = np.zeros(count + 1, dtype=np.int64)
    for buffer in buffers:
        change[buffer.first] += aligned(buffer.size)
        change[min(buffer.last + 1, count)] -= aligned(buffer.size)
    totals = np.cumsum(change)
    live: list[str] = []
    starting: dict[int, list[str]] = {}
    for name, (first, _) in lifetimes.items():
        starting.setdefault(first, []).append(name)
    rows = []
    for step, node in enumerate(graph.nodes):
        live = [name for name in live if lifetimes[name][1] >= step] + starting.get(step, [])
        rows.append(Step(node.name, node.op, tuple(live), int(totals[step])))
    return tuple(rows)
