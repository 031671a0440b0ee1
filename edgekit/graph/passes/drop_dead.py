"""Drop nodes that no output depends on."""

from __future__ import annotations

from edgekit.graph.graph import Graph, Node


def drop_dead(graph: Graph) -> Graph:
    """A new graph of the nodes from which a graph output can be reached."""
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return graph.rebuild(reversed(kept))
