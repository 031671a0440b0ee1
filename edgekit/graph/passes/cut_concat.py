"""A slice that lies in one part of a concat is a slice of that part: of a GRU's states the last alone is kept."""

from __future__ import annotations

from edgekit.graph.graph import Graph, Node


def cut_concat(graph: Graph) -> Graph:
    """A new graph in which such slices read the part, or are gone where they are all of it."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    alias: dict[str, str] = {}
    nodes: list[Node] = []
    for original in graph.nodes:
        node = original.replace(inputs=tuple(alias.get(name, name) for name in original.inputs))
        while node.op == "slice" and (part := _part(graph, node, makers.get(node.inputs[0]))) is not None:
            node = part
        if node.op == "slice" and _whole(graph, node) and node.outputs[0] not in graph.outputs:
            alias[node.outputs[0]] = node.inputs[0]
            continue
        nodes.append(node)
    return graph.rebuild(nodes)


def _part(graph: Graph, node: Node, concat: Node | None) -> Node | None:
    """The slice on the one part of ``concat`` in which it lies; None where it reaches into several."""
    if concat is None or concat.op != "concat":
        return None
    axis, start = concat.attrs["axis"], 0
    begin, size, stride = (node.attrs[key][axis] for key in ("begin", "size", "stride"))
    for name in concat.inputs:
        length = graph.tensor(name).dims[axis]
        if start <= begin and begin + (size - 1) * stride < start + length:
            moved = (*node.attrs["begin"][:axis], begin - start, *node.attrs["begin"][axis + 1 :])
            return node.replace(inputs=(name,), attrs={**node.attrs, "begin": moved})
        start += length
    return None


def _whole(graph: Graph, node: Node) -> bool:
    return graph.tensor(node.inputs[0]).dims == graph.tensor(node.outputs[0]).dims
