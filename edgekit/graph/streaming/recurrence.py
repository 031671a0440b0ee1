"""Recurrences that a window writes out step by step (a GRU of T frames is T copies of its cell) folded into one cell.

A cell is found by its form alone, so that files of any origin have it: step t reads row t of the tensors that feed it
and one tensor of step t − 1, and is the same operators with the same constants, attributes and quantization as step 1.
The first step, whose state is 0 and which writers therefore shorten, becomes like the others: a stream starts from a
state of 0 (the zero point) and carries it on for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.drop_dead import drop_dead
from edgekit.graph.tensor import Tensor

RECURRENCE = "recurrence"
"""Operator of a folded recurrence; it exists in window graphs on their way to a step graph alone."""
CELL = "cell"
"""Its attribute: the :class:`Cell`."""
LEAST_STEPS = 3


@dataclass(frozen=True)
class Cell:
    """One step.

    Attributes:
        nodes: in order.
        rows: its tensor [1, 1, W] of one moment to the timed tensor [1, T, W] that it is a row of.
        before: its tensor of the step before.
        after: the tensor that takes its place at the next step.
        tensors: all that the nodes name, constants included.
    """

    nodes: tuple[Node, ...]
    rows: Mapping[str, str]
    before: str
    after: str
    tensors: Mapping[str, Tensor]


def fold_recurrences(graph: Graph) -> Graph:
    """``graph`` with every recurrence that is written out as one node; the graph itself where there is none."""
    while True:
        found = _Unrolled.of(graph)
        folded = found.folded() if found is not None else None
        if folded is None:
            return graph
        graph = folded


@dataclass(frozen=True)
class _Unrolled:
    """Rows of the tensors that feed a recurrence, and what depends on them.

    ``rows``: row tensor to (source, step). ``levels``: tensor to the newest row that it depends on. ``cells``: nodes of
    each step in order, without rows and joins.
    """

    graph: Graph
    steps: int
    rows: Mapping[str, tuple[str, int]]
    levels: Mapping[str, int]
    cells: tuple[tuple[Node, ...], ...]

    @classmethod
    def of(cls, graph: Graph) -> _Unrolled | None:
        """The first in the graph: of rows that depend on no other rows."""
        every = {node.outputs[0]: row for node in graph.nodes if (row := _row(graph, node)) is not None}
        tainted: set[str] = set()
        for node in graph.nodes:
            if node.outputs[0] in every or any(name in tainted for name in node.inputs):
                tainted.update(node.outputs)
        own = {name: row for name, row in every.items() if row[0] not in tainted}
        lengths = {graph.tensor(source).dims[1] for source, _ in own.values()}
        if len(lengths) != 1 or min(lengths) < LEAST_STEPS:
            return None
        steps, levels = lengths.pop(), {name: step for name, (_, step) in own.items()}
        inside: list[Node] = []
        for node in graph.nodes:
            level = max((levels[name] for name in node.inputs if name in levels), default=-1)
            if node.outputs[0] not in own and level >= 0:
                levels[node.outputs[0]] = level
                inside += [] if _joins(graph, node) else [node]
        _carry_least(inside, levels)
        cells: list[list[Node]] = [[] for _ in range(steps)]
        for node in inside:
            cells[levels[node.outputs[0]]].append(node)
        return cls(graph, steps, own, levels, tuple(map(tuple, cells)))

    def folded(self) -> Graph | None:
        """The graph with one node for all steps; None where the steps are not alike or more than states leave them."""
        matched = self._matched()
        if matched is None:
            return None
        cell, states = matched
        last = self.cells[-1][: len(cell.nodes)]
        inner = {node.name for nodes in self.cells[:-1] for node in nodes} | {node.name for node in last}
        whole, alias = f"{states[-1]}@sequence", {}
        for node in self.graph.nodes:
            leaves = self._leaves(node)
            if leaves == states:
                alias[node.outputs[0]] = whole
        inside = {name for node in self.graph.nodes if node.name in inner for name in node.outputs}
        for node in self.graph.nodes:
            outside = node.name not in inner and not (_joins(self.graph, node) and self._leaves(node))
            if outside and any(name in inside and name != states[-1] for name in node.inputs):
                return None
        return self._rebuilt(cell, inner, states, whole, alias)

    def _rebuilt(
        self, cell: Cell, inner: set[str], states: Sequence[str], whole: str, alias: Mapping[str, str]
    ) -> Graph:
        """One node in the place of the last cell's last; the newest state is a row of what it makes."""
        newest = self.graph.tensor(states[-1])
        sequence = newest.replace(name=whole, shape=(newest.dims[0], self.steps, *newest.dims[2:]))
        fold = Node(RECURRENCE, f"{states[-1]}@fold", tuple(dict.fromkeys(cell.rows.values())), (whole,), {CELL: cell})
        begin = tuple(self.steps - 1 if axis == 1 else 0 for axis in range(len(newest.dims)))
        attrs = {"begin": begin, "size": newest.dims, "stride": (1,) * len(newest.dims)}
        nodes: list[Node] = []
        behind = self.cells[-1][len(cell.nodes) - 1].name
        for node in self.graph.nodes:
            if node.name not in inner:
                nodes.append(node.replace(inputs=tuple(alias.get(name, name) for name in node.inputs)))
            if node.name == behind:
                nodes.append(fold)
                nodes.append(Node("slice", f"{states[-1]}@newest", (whole,), (states[-1],), attrs))
        outputs = tuple(alias.get(name, name) for name in self.graph.outputs)
        live = _without_joins(nodes, self.graph, {*outputs})
        return drop_dead(self.graph.rebuild(live, [sequence], outputs=outputs))

    def _matched(self) -> tuple[Cell, tuple[str, ...]] | None:
        """Step 1 as the pattern of all later ones, and the state after each step."""
        pattern = self.cells[1]
        if not pattern:
            return None
        names: dict[str, str] = {node.outputs[0]: node.outputs[0] for node in pattern}
        past = {name for node in pattern for name in node.inputs if self.levels.get(name, -1) == 0}
        carried: dict[str, str] = {}
        states = [*past]
        for step in range(2, self.steps):
            names_now = self._match(pattern, self.cells[step], step, names, carried)
            if names_now is None or len(past) != 1 or len(carried) != 1:
                return None
            if step == 2:
                states.append(carried[states[0]])
            names = names_now
            states.append(names[carried[states[0]]])
        rows = {name: self.rows[name][0] for node in pattern for name in node.inputs if name in self.rows}
        named = {name for node in pattern for name in (*node.inputs, *node.outputs) if name}
        tensors = {name: self.graph.tensor(name) for name in named}
        return Cell(pattern, rows, states[0], carried[states[0]], tensors), tuple(states)

    def _match(
        self, pattern: Sequence[Node], nodes: Sequence[Node], step: int, before: dict[str, str], carried: dict[str, str]
    ) -> dict[str, str] | None:
        """Pattern's names to those of ``step``; ``before`` is the same of the step before."""
        if len(nodes) < len(pattern):
            return None
        names: dict[str, str] = {}
        for one, other in zip(pattern, nodes, strict=False):
            if (one.op, dict(one.attrs), len(one.inputs)) != (other.op, dict(other.attrs), len(other.inputs)):
                return None
            for a, b in zip(one.inputs, other.inputs, strict=True):
                if not self._same_input(a, b, step, names, before, carried):
                    return None
            if not _alike(self.graph.tensor(one.outputs[0]), self.graph.tensor(other.outputs[0])):
                return None
            names[one.outputs[0]] = other.outputs[0]
        return names

    def _same_input(
        self, a: str, b: str, step: int, names: dict[str, str], before: dict[str, str], carried: dict[str, str]
    ) -> bool:
        if a in names:
            return names[a] == b
        if a in self.rows:
            return self.rows.get(b) == (self.rows[a][0], step)
        if self.levels.get(a, -1) == 0:  # of the step before
            if a not in carried:
                known = [name for name, now in before.items() if now == b]
                carried.update({a: known[0]} if known else {})
            return a in carried and before[carried[a]] == b
        return a == b or (bool(a) and bool(b) and _equal_constants(self.graph.tensor(a), self.graph.tensor(b)))

    def _leaves(self, node: Node) -> tuple[str, ...]:
        """What a join puts together, joins of joins resolved; () of another node."""
        if not _joins(self.graph, node):
            return ()
        makers = {n.outputs[0]: n for n in self.graph.nodes}
        parts: list[str] = []
        for name in node.inputs:
            inner = makers.get(name)
            parts += self._leaves(inner) if inner is not None and _joins(self.graph, inner) else [name]
        return tuple(parts)


def _row(graph: Graph, node: Node) -> tuple[str, int] | None:
    """(source, step) of a slice that takes one moment of [1, T, W]."""
    if node.op != "slice":
        return None
    source = graph.tensor(node.inputs[0])
    if len(source.dims) != 3 or source.dims[0] != 1 or tuple(node.attrs["size"]) != (1, 1, source.dims[2]):
        return None
    return (source.name, int(node.attrs["begin"][1])) if source.dims[1] >= LEAST_STEPS else None


def _carry_least(nodes: Sequence[Node], levels: dict[str, int]) -> None:
    """Move to the next step, in ``levels``, what works on the state alone and is read there: the product of the state
    with a matrix is the next step's first deed, so that the state is all that a step hands on.
    """
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    for _ in nodes:
        at = {node.name: levels[node.outputs[0]] for node in nodes}
        handed = {name for node in nodes for name in node.inputs if at[node.name] == 2 and levels.get(name, -1) == 1}
        late = [
            node.outputs[0]
            for node in nodes
            if node.outputs[0] in readers
            and min(at[reader.name] for reader in readers[node.outputs[0]]) > at[node.name]
        ]
        if len(handed) < 2 or not late:
            return
        for name in late:
            levels[name] += 1


def _joins(graph: Graph, node: Node) -> bool:
    return node.op == "concat" and node.attrs["axis"] == 1 and len(graph.tensor(node.outputs[0]).dims) == 3


def _alike(a: Tensor, b: Tensor) -> bool:
    """One type, shape and quantization."""
    if (a.dtype, a.shape, a.quant is None) != (b.dtype, b.shape, b.quant is None):
        return False
    return a.quant is None or a.quant.scalar() == (b.quant.scalar() if b.quant is not None else None)


def _equal_constants(a: Tensor, b: Tensor) -> bool:
    if a.data is None or b.data is None or (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    first, second = (np.zeros(0) if t.quant is None else np.r_[t.quant.scale, t.quant.zero_point] for t in (a, b))
    return bool(np.array_equal(a.data, b.data) and np.array_equal(first, second))


def _without_joins(nodes: Sequence[Node], graph: Graph, outputs: set[str]) -> list[Node]:
    """``nodes`` without those that nobody reads any more, from the end: joins of states that are gone."""
    read, kept = set(outputs), []
    for node in reversed(nodes):
        if any(name in read for name in node.outputs):
            kept.append(node)
            read.update(name for name in node.inputs if name)
    return kept[::-1]
