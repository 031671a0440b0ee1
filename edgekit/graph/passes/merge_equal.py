"""Nodes that compute the same from the same: one is enough, its readers share it."""

from __future__ import annotations

from typing import Any

from edgekit.graph.graph import Graph, Node


def merge_equal(graph: Graph) -> Graph:
    """A new graph without the later ones of equal nodes: same operator, inputs, attributes and output shape.

    A channel shuffle that is split right away is written once for each part, for instance.
    """
    alias: dict[str, str] = {}
    made: dict[Any, Node] = {}
    nodes: list[Node] = []
    for original in graph.nodes:
        node = original.replace(inputs=tuple(alias.get(name, name) for name in original.inputs))
        dims = graph.tensor(node.outputs[0]).dims
        key = (node.op, node.inputs, dims, tuple(sorted((name, repr(value)) for name, value in node.attrs.items())))
        if key in made and not set(node.outputs) & set(graph.outputs):
            alias.update(zip(node.outputs, made[key].outputs, strict=True))
            continue
        made.setdefault(key, node)
        nodes.append(node)
    return graph.rebuild(nodes) if alias else graph
