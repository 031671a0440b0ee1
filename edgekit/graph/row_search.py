"""Which layers run as row groups: the cheapest choice for every amount of memory.

Execution order is cut into segments, each a single layer or a group of neighbours with a tile; a segment's memory is
what lives through it, its ends and its working memory. For a given peak, dynamic programming over the order finds the
segments that cost fewest additional instructions; lowering the peak step by step gives the frontier. The memory here is
an estimate (take-overs of single layers are assumed to work out); callers plan what they choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from edgekit.graph.graph import Graph, Node
from edgekit.graph.layer_group import LayerGroup
from edgekit.graph.placement import Overlap, aligned, saving
from edgekit.graph.row_cost import row_cost
from edgekit.graph.row_group import RowGroup, closed, row_group
from edgekit.graph.row_members import Members
from edgekit.graph.takeover import Lifetimes

LONGEST = 16
"""Layers of a group at most."""
TILES = (1, 2, 4, 5, 8)
"""Rows of output a step, where they divide its height."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Layers first to last (places in the order): one, or a group.

    Attributes:
        nbytes: of memory while it runs.
        cost: additional instructions of an inference.
    """

    first: int
    last: int
    nbytes: int
    cost: float
    group: LayerGroup | None


@dataclass(frozen=True, eq=False)
class Choice:
    """Groups of a whole network, with the estimate of its peak in bytes and of additional instructions."""

    nbytes: int
    cost: float
    groups: tuple[LayerGroup, ...]


def frontier(
    graph: Graph,
    lifetimes: Lifetimes,
    scratch: Mapping[str, int],
    places: Mapping[str, Mapping[str, Overlap]],
    given: Sequence[LayerGroup] = (),
    offered: Mapping[LayerGroup, float] = MappingProxyType({}),
) -> Iterator[Choice]:
    """Choices from no groups at all to the least memory, each with less memory than the one before it.

    Args:
        graph: integer edge graph in execution order.
        lifetimes: first and last step of every activation.
        scratch: working memory of single layers, by name.
        places: layer to inputs that its output may overwrite, with how far behind it they must begin.
        given: groups of every choice.
        offered: groups that choices may have, with the instructions that they add (less than 0: save).
    """
    memory = _Memory(graph, lifetimes)
    segments = [
        *_segments(memory, scratch, places, given),
        *_whole(memory, dict.fromkeys(given, 0.0)),
        *_whole(memory, offered),
    ]
    endings: list[list[Segment]] = [[] for _ in graph.nodes]
    for segment in segments:
        endings[segment.last].append(segment)
    limit = inf
    while (path := _cheapest(endings, limit)) is not None:
        peak = max((segment.nbytes for segment in path), default=0)
        groups = tuple(segment.group for segment in path if segment.group is not None)
        yield Choice(peak, sum(segment.cost for segment in path), groups)
        limit = peak


def _cheapest(endings: Sequence[Sequence[Segment]], limit: float) -> list[Segment] | None:
    """The segments below ``limit`` bytes that cover all layers at the least cost; equal ones: the least memory."""
    best: list[tuple[float, int, Segment | None]] = [(0.0, 0, None)]
    for ending in endings:
        options = [
            (best[segment.first][0] + segment.cost, max(best[segment.first][1], segment.nbytes), segment)
            for segment in ending
            if segment.nbytes < limit and best[segment.first][0] < inf
        ]
        best.append(min(options, key=lambda option: option[:2]) if options else (inf, 0, None))
    if best[-1][0] == inf:
        return None
    path: list[Segment] = []
    at = len(endings)
    while at:
        segment = best[at][2]
        if segment is None:
            return None
        path.append(segment)
        at = segment.first
    return path[::-1]


def _whole(memory: _Memory, groups: Mapping[LayerGroup, float]) -> Iterator[Segment]:
    """Groups that were made elsewhere, at their cost."""
    at = {node.name: i for i, node in enumerate(memory.graph.nodes)}
    for group, cost in groups.items():
        first, last = at[group.nodes[0].name], at[group.name]
        yield Segment(first, last, memory.needed(first, last, group.places, group.nbytes), cost, group)


def _segments(
    memory: _Memory,
    scratch: Mapping[str, int],
    places: Mapping[str, Mapping[str, Overlap]],
    given: Sequence[LayerGroup],
) -> Iterator[Segment]:
    """Single layers, and row groups of those that are in no given group wherever one may need less than they do."""
    graph = memory.graph
    taken = {node.name for group in given for node in group.nodes}
    readers, members = graph.consumers(), Members(graph)
    fits = [node.name not in taken and members.reach(node) is not None for node in graph.nodes]
    alone = [
        memory.needed(i, i, places.get(node.name, {}), scratch.get(node.name, 0)) for i, node in enumerate(graph.nodes)
    ]
    for first, node in enumerate(graph.nodes):
        if node.name not in taken:
            yield Segment(first, first, alone[first], 0.0, None)
        last = first + 1
        while fits[first] and last < min(len(fits), first + LONGEST) and fits[last]:
            nodes = graph.nodes[first : last + 1]
            if memory.least(first, last) < max(alone[first : last + 1]) and closed(graph, nodes, readers):
                for group in _groups(members, nodes):
                    need = memory.needed(first, last, group.places, group.nbytes)
                    yield Segment(first, last, need, row_cost(members, group), group)
            last += 1


def _groups(members: Members, nodes: Sequence[Node]) -> Iterator[RowGroup]:
    height = members.graph.tensor(nodes[-1].outputs[0]).dims[1]
    for tile in TILES:
        if height % tile == 0 and tile < height:
            group = row_group(members, nodes, tile)
            if group is None:
                return  # other tiles need unequal steps, too
            yield group


class _Memory:
    """Estimate of the memory that layers need which run as one step."""

    def __init__(self, graph: Graph, lifetimes: Lifetimes) -> None:
        self.graph = graph
        self._sizes = {name: aligned(graph.tensor(name).nbytes) for name in lifetimes}
        self._spans = [
            (name, -1 if name in graph.inputs else first, len(graph.nodes) if name in graph.outputs else last)
            for name, (first, last) in lifetimes.items()
        ]

    def needed(self, first: int, last: int, places: Mapping[str, Overlap], working: int) -> int:
        """Bytes while layers first to last run: the output lies over the input that saves most, if it may."""
        output = self.graph.nodes[last].outputs[0]
        size, total, saved = self._sizes[output], aligned(working), 0
        for name, born, died in self._spans:
            if born < first <= died and name != output:
                total += self._sizes[name]
                if died <= last and name in places:
                    saved = max(saved, saving(size, self._sizes[name], places[name]))
        return size + total - saved

    def least(self, first: int, last: int) -> int:
        """What :meth:`needed` is not below, whatever the working memory and the order of reads."""
        anywhere = {name: Overlap(0) for name, _, _ in self._spans}
        return self.needed(first, last, anywhere, 0)
