"""Element-wise operators and the means among them as one step: layer norm, response norm, sums of rescaled branches.

The step goes over positions, and at each over the channels once or several times (passes): a mean over the channels is
known behind one pass and used from the next on. What lies between the operators is a value in a register, or a row of
one position where a later pass needs it again. Its bytes are those of the operators one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import prod
from typing import ClassVar, Literal

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.lookup import TABLES
from edgekit.graph.layer_group import LayerGroup
from edgekit.graph.ops import activation_inputs
from edgekit.graph.placement import Overlap, aligned
from edgekit.graph.tensor import Tensor

Kind = Literal["full", "column", "row", "one"]
"""A value for every position and channel, for every position, for every channel, or one for all."""

BINARY = ("add", "sub", "mul")
RESCALING = ("quantize", "relu", "relu6")
LEAST_ELEMENTS = 256
"""Of an operator below which fusing saves less than its code."""
LEAST_CHANNELS = 4
A_PASSED_VALUE = {"int8": 1.0, "int16": 4.0}
"""Instructions to store a value, to load it again and to count, saved for each value that no tensor holds; those of
int8 have kernels that do more with an instruction."""


@dataclass(frozen=True, eq=False)
class FusedGroup(LayerGroup):
    """Operators over the positions and channels of one shape.

    Attributes:
        dims: of a value for every position and channel.
        kinds: of every tensor that the operators read or make.
        passes: of every tensor: the first pass that knows it; a mean over channels is known in the pass behind.
        kept: rows that later passes need again: tensor to its place in working memory.
        sums_at: place of the channels' sums in working memory where the last operator is a mean over positions.
    """

    op: ClassVar[str] = "fused"

    dims: tuple[int, ...]
    kinds: Mapping[str, Kind]
    passes: Mapping[str, int]
    kept: Mapping[str, int]
    sums_at: int

    @property
    def channels(self) -> int:
        """Values of a position."""
        return self.dims[-1]

    @property
    def positions(self) -> int:
        """Positions."""
        return prod(self.dims[:-1])

    def saved(self, graph: Graph) -> float:
        """Instructions of an inference that operators by themselves would take more, an estimate."""
        inner = [graph.tensor(node.outputs[0]) for node in self.nodes[:-1]]
        return sum(A_PASSED_VALUE[tensor.dtype] * tensor.elements for tensor in inner)


def fused_groups(graph: Graph) -> tuple[FusedGroup, ...]:
    """The longest of them from the front on, in order of execution; ``graph`` is an integer edge graph."""
    readers, found = graph.consumers(), []
    first = 0
    while first < len(graph.nodes):
        longest = max(_endings(graph, first, readers), default=first)
        if longest > first:
            found.append(_group(graph, graph.nodes[first : longest + 1]))
        first = longest + 1
    return tuple(found)


def averages_positions(graph: Graph, node: Node, dims: Sequence[int]) -> bool:
    """Whether a node is a mean over all positions, which leaves a value for every channel."""
    axes = set(node.attrs.get("axes", ()))
    long = {axis for axis in range(len(dims) - 1) if dims[axis] > 1}
    return (
        node.op in ("mean", "sum")
        and graph.tensor(node.inputs[0]).dims == tuple(dims)
        and bool(long)
        and long <= axes
        and len(dims) - 1 not in axes
    )


def _endings(graph: Graph, first: int, readers: Mapping[str, Sequence[Node]]) -> Iterator[int]:
    """Places of nodes with which a group that begins at ``first`` may end."""
    begin = graph.nodes[first]
    shapes = [graph.tensor(name).dims for name in (begin.inputs[0], begin.outputs[0])]
    dims = max(shapes, key=prod)
    if len(dims) < 2 or dims[-1] < LEAST_CHANNELS or prod(dims) < LEAST_ELEMENTS:
        return
    made: set[str] = set()
    members = takewhile(lambda node: _fits(graph, node, dims), graph.nodes[first:])
    for place, node in enumerate(members, first):
        if made and not made & set(node.inputs):
            return
        made.add(node.outputs[0])
        nodes = graph.nodes[first : place + 1]
        if place > first and _closed(graph, nodes, readers) and _kind(graph.tensor(node.outputs[0]), dims) == "full":
            yield place
        if averages_positions(graph, node, dims):
            if place > first and _closed(graph, nodes, readers):
                yield place
            return


def _closed(graph: Graph, nodes: Sequence[Node], readers: Mapping[str, Sequence[Node]]) -> bool:
    """Nothing but the last output is read outside, and each of the others is read inside."""
    inside = {node.name for node in nodes}
    inner = [node.outputs[0] for node in nodes[:-1]]
    return all(
        name not in graph.outputs and readers.get(name) and all(reader.name in inside for reader in readers[name])
        for name in inner
    )


def _fits(graph: Graph, node: Node, dims: tuple[int, ...]) -> bool:
    """Whether an operator can be part of a step over ``dims``."""
    tensors = [graph.tensor(name) for name in (*activation_inputs(node), node.outputs[0])]
    kinds = [_kind(tensor, dims) for tensor in tensors]
    if None in kinds or any(tensor.dtype not in ("int8", "int16") for tensor in tensors):
        return False
    if node.op in ("mean", "sum"):
        channels = tuple(node.attrs["axes"]) == (len(dims) - 1,) and kinds == ["full", "column"]
        return channels or averages_positions(graph, node, dims)
    if kinds[-1] not in ("full", "column") or (kinds[-1] == "column" and set(kinds) - {"column", "one"}):
        return False
    if node.op in BINARY:
        return len({tensor.dtype for tensor in tensors}) == 1
    if node.op == "rsqrt" and tensors[0].dtype == "int16":
        return kinds == ["column", "column"]
    if node.op == "depthwise_conv2d":
        return kinds == ["full", "full"] and _one_factor(graph, node)
    if node.op in RESCALING:
        return kinds[0] == kinds[1]
    return (node.op in TABLES or node.op == "lookup") and kinds[0] == kinds[1] and tensors[0].dtype == "int8"


def _kind(tensor: Tensor, dims: tuple[int, ...]) -> Kind | None:
    """How a tensor goes along positions and channels; None where it does neither."""
    own = tensor.dims
    if own == dims:
        return "full"
    if tensor.elements == 1:
        return "one"
    if own == (*dims[:-1], 1):
        return "column"
    return "row" if own and own[-1] == dims[-1] == tensor.elements else None


def _one_factor(graph: Graph, node: Node) -> bool:
    """A depthwise convolution that is the same factor and addend at every position and channel of int8."""
    source, weights, output = (graph.tensor(name) for name in (*node.inputs[:2], node.outputs[0]))
    if source.dtype != "int8" or output.dtype != "int8" or weights.data is None or weights.quant is None:
        return False
    bias = graph.tensor(node.inputs[2]).data if len(node.inputs) > 2 and node.inputs[2] else np.zeros(1)
    alike = [np.asarray(weights.data), weights.quant.scale, np.asarray(bias)]
    plain = weights.dims[:3] == (1, 1, 1) and node.attrs["stride"] == (1, 1) and not np.any(node.attrs["pad"])
    return plain and all(np.unique(values).size == 1 for values in alike)


def _group(graph: Graph, nodes: tuple[Node, ...]) -> FusedGroup:
    begin = nodes[0]
    dims = max((graph.tensor(name).dims for name in (begin.inputs[0], begin.outputs[0])), key=prod)
    kinds: dict[str, Kind] = {}
    passes: dict[str, int] = {}
    for node in nodes:
        for name in (*activation_inputs(node), node.outputs[0]):
            kind = _kind(graph.tensor(name), dims)
            kinds[name] = kind if kind is not None else "row"  # a mean over positions that does not keep their axes
            passes.setdefault(name, 0)
        level = max(passes[name] for name in activation_inputs(node))
        averaged = node.op in ("mean", "sum") and kinds[node.outputs[0]] == "column"
        passes[node.outputs[0]] = level + averaged
    made = {node.outputs[0] for node in nodes}
    kept, size = _kept(graph, nodes, passes, {name for name, kind in kinds.items() if kind == "full"})
    sums = averages_positions(graph, nodes[-1], dims)
    read = dict.fromkeys(name for node in nodes for name in activation_inputs(node))
    inputs = tuple(name for name in read if name not in made and not graph.tensor(name).constant)
    output = graph.tensor(nodes[-1].outputs[0])
    exact = {name: Overlap(0, exact=True) for name in inputs if not sums and _alike(graph.tensor(name), output)}
    return FusedGroup(
        nodes=nodes, inputs=inputs, nbytes=size + (aligned(4 * dims[-1]) if sums else 0), places=exact, dims=dims,
        kinds=kinds, passes=passes, kept=kept, sums_at=size,
    )  # fmt: skip


def read_in(group: FusedGroup, node: Node) -> int:
    """The pass in which a member reads its operands: the first that knows them all."""
    return max(group.passes[name] for name in activation_inputs(node))


def _kept(graph: Graph, nodes: Sequence[Node], passes: Mapping[str, int], full: set[str]) -> tuple[dict[str, int], int]:
    """Places of the rows that a later pass reads, and the bytes of all."""
    last_read: dict[str, int] = {}
    for node in nodes:
        operands = activation_inputs(node)
        for name in operands:
            last_read[name] = max([last_read.get(name, 0), *(passes[other] for other in operands)])
    kept: dict[str, int] = {}
    size = 0
    for name in (node.outputs[0] for node in nodes[:-1]):
        if name in full and last_read[name] > passes[name]:
            kept[name] = size
            size += aligned(graph.tensor(name).nbytes // prod(graph.tensor(name).dims[:-1]))
    return kept, size


def _alike(source: Tensor, output: Tensor) -> bool:
    return source.dims == output.dims and source.dtype == output.dtype
