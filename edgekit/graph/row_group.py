"""Neighbouring operators that run together, a few output rows at a time: what lies between them never exists whole.

A group is a connected piece of the graph with one output. At every step each member makes as many rows as the last one
needs for its next ``tile`` rows. The rows of a tensor that a step needs lie in a *window* of working memory: those that
an earlier step made are moved to its front, the new ones go behind them. What a group reads from outside is copied into
a window too, which puts the border around the image and lets the output overwrite what was read. Only a sum or product
at the end reads its rows from outside in place.

After step n (warm-up steps have n < 0) a window has the rows before n·fresh + end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from edgekit.graph.graph import Graph, Node
from edgekit.graph.layer_group import LayerGroup
from edgekit.graph.ops import BINARY_OPS
from edgekit.graph.placement import Overlap, aligned
from edgekit.graph.row_members import Members, rows_graph
from edgekit.graph.row_reach import Reach


@dataclass(frozen=True)
class Window:
    """The rows of one tensor that a step has at hand.

    Attributes:
        tensor: its name.
        rows: how many rows there are.
        fresh: how many of them, the last, a step makes.
        end: as in the module's text.
        height: rows of the whole tensor.
        row_bytes: of a row.
        offset: in the group's working memory.
        copied: from outside the group, not made by a member.
    """

    tensor: str
    rows: int
    fresh: int
    end: int
    height: int
    row_bytes: int
    offset: int
    copied: bool

    @property
    def kept(self) -> int:
        """Rows of earlier steps."""
        return self.rows - self.fresh

    @property
    def nbytes(self) -> int:
        """Of all rows."""
        return self.rows * self.row_bytes


@dataclass(frozen=True, eq=False)
class RowGroup(LayerGroup):
    """Members of a group and the plan of its windows.

    Attributes:
        tile: rows of the output a step; divides its height.
        reaches: of the nodes, by name.
        windows: by tensor, in the order in which a step fills them.
        warm_up: steps before the first that makes output.
        steps: that make output.
        kernels: where the members' own working memory lies behind the windows.
    """

    op: ClassVar[str] = "rows"

    tile: int
    reaches: Mapping[str, Reach]
    windows: Mapping[str, Window]
    warm_up: int
    steps: int
    kernels: int

    def made(self, node: Node) -> int:
        """Rows that a member makes a step."""
        return self.tile if node.outputs[0] == self.output else self.windows[node.outputs[0]].fresh

    def first_read(self, node: Node, name: str) -> int:
        """Row of the window of ``name`` at which what a member reads begins."""
        reach, window, end = self.reaches[node.name], self.windows[name], self._end(node)
        return (end - self.made(node)) * reach.stride - reach.top - (window.end - window.rows)

    def read_in_place(self, node: Node, name: str) -> bool:
        """The last member reads ``name`` where it lies, outside the group."""
        return node.outputs[0] == self.output and name in direct_operands(self.nodes)

    def _end(self, node: Node) -> int:
        return self.tile if node.outputs[0] == self.output else self.windows[node.outputs[0]].end


def direct_operands(nodes: Sequence[Node]) -> frozenset[str]:
    """What the last of ``nodes``, a sum or product, reads from outside: its rows need no window."""
    inner = {node.outputs[0] for node in nodes}
    last = nodes[-1]
    return frozenset(name for name in last.inputs if name not in inner) if last.op in BINARY_OPS else frozenset()


def closed(graph: Graph, nodes: Sequence[Node], readers: Mapping[str, Sequence[Node]]) -> bool:
    """Nothing but the last node's output is read outside ``nodes`` (or is a graph output)."""
    members = {node.name for node in nodes}
    inner = [node.outputs[0] for node in nodes[:-1]]
    return all(
        name not in graph.outputs and readers.get(name) and all(reader.name in members for reader in readers[name])
        for name in inner
    )


def row_group(members: Members, nodes: Sequence[Node], tile: int) -> RowGroup | None:
    """The group of ``nodes`` (closed, each with a reach) that makes ``tile`` rows a step; None where steps differ.

    Args:
        members: of the integer edge graph.
        nodes: two or more neighbours in execution order.
        tile: divides the output's height.
    """
    reaches = {node.name: reach for node in nodes if (reach := members.reach(node)) is not None}
    needs = _needs(members, nodes, tile, reaches)
    if len(reaches) != len(nodes) or needs is None:
        return None
    windows, size = _windows(members, nodes, needs)
    made = {node.name: needs[node.outputs[0]][0] if node is not nodes[-1] else tile for node in nodes}
    places = _places(members, nodes, windows, tile)
    return RowGroup(
        nodes=tuple(nodes),
        inputs=tuple(places),
        tile=tile,
        reaches=reaches,
        windows=windows,
        warm_up=max(0, *(-(-window.end // window.fresh) - 1 for window in windows.values())),
        steps=members.dims(nodes[-1].outputs[0])[1] // tile,
        kernels=size,
        nbytes=size + max(members.working(node, reaches[node.name], made[node.name]) for node in nodes),
        places=places,
    )


def _needs(
    members: Members, nodes: Sequence[Node], tile: int, reaches: Mapping[str, Reach]
) -> dict[str, tuple[int, int, int]] | None:
    """Tensor to (fresh, begin, end) of its window, from the last member back; None where readers need other steps."""
    direct = direct_operands(nodes)
    needs: dict[str, tuple[int, int, int]] = {nodes[-1].outputs[0]: (tile, 0, tile)}
    for node in reversed(nodes):
        if node.name not in reaches or node.outputs[0] not in needs:
            return None
        made, _, end = needs[node.outputs[0]]
        reach = reaches[node.name]
        fresh = made * reach.stride
        begin = (end - made) * reach.stride - reach.top
        stop = (end - 1) * reach.stride - reach.top + reach.rows
        for name in members.streams(node):
            if node is nodes[-1] and name in direct:
                continue
            known = needs.get(name, (fresh, begin, stop))
            if known[0] != fresh:
                return None
            stop = max(stop, known[2])
            needs[name] = (fresh, min(begin, known[1], stop - fresh), stop)
    del needs[nodes[-1].outputs[0]]
    return needs


def _windows(
    members: Members, nodes: Sequence[Node], needs: Mapping[str, tuple[int, int, int]]
) -> tuple[dict[str, Window], int]:
    """Windows by tensor, those that are copied first, and the bytes that they take."""
    made = {node.outputs[0] for node in nodes}
    order = [name for name in needs if name not in made] + [node.outputs[0] for node in nodes[:-1]]
    windows: dict[str, Window] = {}
    offset = 0
    for name in order:
        fresh, begin, end = needs[name]
        tensor = members.graph.tensor(name)
        height = tensor.dims[1]
        window = Window(name, end - begin, fresh, end, height, tensor.nbytes // height, offset, name not in made)
        windows[name] = window
        offset += aligned(window.nbytes)
    return windows, offset


def _places(members: Members, nodes: Sequence[Node], windows: Mapping[str, Window], tile: int) -> dict[str, Overlap]:
    """How far behind the output each tensor from outside must begin: rows are read (copied) before they are
    overwritten, and a step's output is written after all its reads.
    """
    output = members.graph.tensor(nodes[-1].outputs[0])
    height = output.dims[1]
    written = tile * (output.nbytes // height)
    found: dict[str, Overlap] = {}
    for window in windows.values():
        if window.copied:
            late = [
                step * written - max(0, step * window.fresh + window.end - window.fresh) * window.row_bytes
                for step in range(1, height // tile)
                if step * window.fresh + window.end - window.fresh < window.height
            ]
            found[window.tensor] = Overlap(max([0, *late]))
    for name in direct_operands(nodes):
        if not members.graph.tensor(name).constant:
            found.setdefault(name, Overlap(0))
    return found


def member_graph(graph: Graph, group: RowGroup, node: Node) -> Graph:
    """A member as a graph of its own: a step's rows."""
    return rows_graph(graph, node, group.reaches[node.name], group.made(node))
