"""The order of execution that needs least memory: residual branches and split-concat leave a choice, chains none.

The graph is cut where nothing but one tensor lives; orders inside a piece do not touch the others. In the piece that
needs most memory the best order is searched among all (best first: sets of nodes that ran, by the peak on the way
there), then in the one that then needs most, until one cannot be improved. Memory of a step is that of the planner's
lower bound. A piece with more than STATES sets keeps its order.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from edgekit.graph.graph import Graph, Node
from edgekit.graph.placement import Overlap, aligned, saving
from edgekit.graph.takeover import donors

STATES = 4000
"""Sets of nodes that are looked at in one piece."""


def least_memory_order(
    graph: Graph, scratch: Mapping[str, int], may_overlap: Mapping[str, Mapping[str, Overlap]]
) -> Graph:
    """``graph`` with its nodes in an order of least peak; the given order where that is as good.

    Args:
        graph: all activations static.
        scratch: node name to bytes of working memory.
        may_overlap: node name to the inputs over which its output may lie, as in planner.plan_memory.
    """
    memory = _Memory(graph, scratch, may_overlap)
    pieces = _pieces(graph)
    peaks = [memory.peak(piece, begin) for begin, piece in pieces]
    solved: set[int] = set()
    while peaks:
        worst = max(range(len(peaks)), key=lambda i: (peaks[i], -i))
        if worst in solved:
            break
        solved.add(worst)
        begin, piece = pieces[worst]
        better = _searched(memory, piece, begin, peaks[worst])
        if better is not None:
            pieces[worst] = (begin, better)
            peaks[worst] = memory.peak(better, begin)
    return graph.replace(nodes=tuple(node for _, piece in pieces for node in piece))


def _pieces(graph: Graph) -> list[tuple[frozenset[str], tuple[Node, ...]]]:
    """Nodes between places where one activation lives, each with the names of the nodes before it."""
    last: dict[str, int] = {}
    for step, node in enumerate(graph.nodes):
        last.update(dict.fromkeys(filter(None, node.inputs), step))
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes)))
    live = {name for name in graph.inputs if last.get(name, -1) >= 0}
    pieces: list[tuple[frozenset[str], tuple[Node, ...]]] = []
    ran: list[str] = []
    current: list[Node] = []
    for step, node in enumerate(graph.nodes):
        current.append(node)
        live |= {name for name in node.outputs if name and last.get(name, -1) > step}
        live -= {name for name in live if last[name] <= step}
        if len(live) <= 1:
            pieces.append((frozenset(ran), tuple(current)))
            ran += [item.name for item in current]
            current = []
    if current:
        pieces.append((frozenset(ran), tuple(current)))
    return pieces


class _Memory:
    """Bytes of a step, for any set of nodes that ran before it."""

    def __init__(
        self, graph: Graph, scratch: Mapping[str, int], may_overlap: Mapping[str, Mapping[str, Overlap]]
    ) -> None:
        self._graph, self._scratch, self._may_overlap = graph, scratch, may_overlap
        self._readers = {name: frozenset(node.name for node in nodes) for name, nodes in graph.consumers().items()}
        names = [name for name in graph.inputs if not graph.tensor(name).constant]
        names += [name for node in graph.nodes for name in node.outputs if name]
        self._sizes = {name: aligned(graph.tensor(name).nbytes) for name in names}

    def peak(self, nodes: Sequence[Node], ran: frozenset[str]) -> int:
        """Largest step of ``nodes`` in this order, after ``ran``."""
        live, done, peak = self.live(ran), set(ran), 0
        for node in nodes:
            nbytes, live = self.step(node, frozenset(done), live)
            done.add(node.name)
            peak = max(peak, nbytes)
        return peak

    def live(self, ran: frozenset[str]) -> frozenset[str]:
        """Activations that are there after ``ran`` and needed later."""
        made = {name for node in self._graph.nodes if node.name in ran for name in node.outputs if name}
        there = [name for name in (*made, *self._graph.inputs) if name in self._sizes]
        return frozenset(name for name in there if self._needed(name, ran))

    def step(self, node: Node, ran: frozenset[str], live: frozenset[str]) -> tuple[int, frozenset[str]]:
        """Bytes while ``node`` runs after ``ran``, and what lives behind it."""
        outputs = [name for name in node.outputs if name]
        done = ran | {node.name}
        total = sum(self._sizes[name] for name in {*live, *outputs}) + aligned(self._scratch.get(node.name, 0))
        dying = [name for name in dict.fromkeys(node.inputs) if name in live and not self._needed(name, done)]
        if outputs:
            total -= self._shared(node, outputs[0], dying)
        return total, frozenset(name for name in {*live, *outputs} if self._needed(name, done))

    def _needed(self, name: str, ran: frozenset[str]) -> bool:
        return name in self._graph.outputs or not self._readers.get(name, frozenset()) <= ran

    def _shared(self, node: Node, output: str, dying: Sequence[str]) -> int:
        """Most bytes that the output may share with inputs that die."""
        size = self._sizes[output]
        if any(name in dying for name in donors(self._graph, node)):
            return size
        allowed = self._may_overlap.get(node.name, {})
        return min(size, sum(saving(size, self._sizes[name], how) for name, how in allowed.items() if name in dying))


def _searched(memory: _Memory, nodes: tuple[Node, ...], ran: frozenset[str], limit: int) -> tuple[Node, ...] | None:
    """The order of least peak below ``limit``; None where there is none, or too many sets of nodes."""
    needs = _needs(nodes)
    start = (0, (), memory.live(ran))
    queue: list[tuple[int, tuple[int, ...], frozenset[str]]] = [start]
    seen: set[frozenset[int]] = set()
    while queue and len(seen) < STATES:
        peak, path, live = heapq.heappop(queue)
        done = frozenset(path)
        if len(path) == len(nodes):
            return tuple(nodes[i] for i in path)
        if done in seen:
            continue
        seen.add(done)
        names = ran | {nodes[i].name for i in path}
        for i, need in enumerate(needs):
            if i not in done and need <= done:
                nbytes, after = memory.step(nodes[i], names, live)
                if max(peak, nbytes) < limit:
                    heapq.heappush(queue, (max(peak, nbytes), (*path, i), after))
    return None


def _needs(nodes: Sequence[Node]) -> list[frozenset[int]]:
    """For each node the places of those whose outputs it reads."""
    made = {name: i for i, node in enumerate(nodes) for name in node.outputs}
    return [frozenset(made[name] for name in node.inputs if name in made) for node in nodes]
