"""Single layers that work by rows: what they read, and what they are as a graph of their own."""

from __future__ import annotations

from edgekit.graph.graph import Graph, Node
from edgekit.graph.row_reach import Reach, reach_of, streams
from edgekit.graph.scratch import scratch_sizes


class Members:
    """What the layers of a graph need when they work by rows; each fact is worked out once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._reaches: dict[str, Reach | None] = {}
        self._working: dict[tuple[str, int], int] = {}
        self._streams: dict[str, tuple[str, ...]] = {}
        self._dims: dict[str, tuple[int, ...]] = {}

    def dims(self, name: str) -> tuple[int, ...]:
        """Of a tensor."""
        if name not in self._dims:
            self._dims[name] = self.graph.tensor(name).dims
        return self._dims[name]

    def streams(self, node: Node) -> tuple[str, ...]:
        """What it reads row by row."""
        if node.name not in self._streams:
            self._streams[node.name] = streams(self.graph, node)
        return self._streams[node.name]

    def reach(self, node: Node) -> Reach | None:
        """Its reach; None where it has none."""
        if node.name not in self._reaches:
            self._reaches[node.name] = reach_of(self.graph, node)
        return self._reaches[node.name]

    def working(self, node: Node, reach: Reach, made: int) -> int:
        """Working memory of its kernel for ``made`` rows of output."""
        key = (node.name, made)
        if key not in self._working:
            own = rows_graph(self.graph, node, reach, made)
            self._working[key] = sum(scratch_sizes(own).values())
        return self._working[key]


def rows_graph(graph: Graph, node: Node, reach: Reach, made: int) -> Graph:
    """A layer that makes ``made`` rows from the rows that they need, with no border above and below."""
    rows = (made - 1) * reach.stride + reach.rows
    tensors = {name: graph.tensor(name) for name in (*node.inputs, *node.outputs) if name}
    for name in streams(graph, node):
        tensors[name] = tensors[name].replace(shape=_with_rows(tensors[name].dims, rows))
    output = node.outputs[0]
    tensors[output] = tensors[output].replace(shape=_with_rows(tensors[output].dims, made))
    attrs = dict(node.attrs)
    if "pad" in attrs:
        attrs["pad"] = ((0, 0), attrs["pad"][1])
    if node.op == "pad":
        attrs["pads"] = (attrs["pads"][0], (0, 0), *attrs["pads"][2:])
    own = (node.replace(attrs=attrs),)
    return Graph(node.name, "edge", tensors, own, streams(graph, node), node.outputs, graph.metadata)


def _with_rows(dims: tuple[int, ...], rows: int) -> tuple[int, ...]:
    return (dims[0], rows, *dims[2:])
