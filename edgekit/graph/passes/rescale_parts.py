"""A ``quantize`` before each part of a concat whose scale is fixed by its kernel, so that the others keep theirs.

All parts of a concat share one scale. A softmax or logistic writes 1/256 whatever the data; joined with wider values it
would clip them.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS, SAME_SCALE_OPS
from edgekit.graph.tensor import Tensor


def rescale_parts(graph: Graph) -> Graph:
    """A new float graph; a concat whose parts all have one and the same fixed scale stays as it is."""
    producers = graph.producers()
    nodes: list[Node] = []
    added: list[Tensor] = []
    for node in graph.nodes:
        if node.op == "concat":
            fixed = [_fixed_scale(name, producers) for name in node.inputs]
            if any(fixed) and len(set(fixed)) > 1:
                node, before, copies = _rescaled(graph, node, fixed)
                nodes += before
                added += copies
        nodes.append(node)
    return graph.rebuild(nodes, added) if added else graph


def _fixed_scale(name: str, producers: Mapping[str, Node]) -> tuple[float, int] | None:
    """The scale and zero point that ``name`` has whatever the data, through operators that move values."""
    node = producers.get(name)
    while node is not None and node.op in SAME_SCALE_OPS and node.op != "concat":
        node = producers.get(node.inputs[0])
    return FIXED_OUTPUTS.get(node.op) if node is not None else None


def _rescaled(graph: Graph, node: Node, fixed: list[tuple[float, int] | None]) -> tuple[Node, list[Node], list[Tensor]]:
    names, before, copies = list(node.inputs), [], []
    for position, (name, scale) in enumerate(zip(node.inputs, fixed, strict=True)):
        if scale is not None:
            copy = graph.tensor(name).replace(name=f"{node.name}/part{position}")
            before.append(Node("quantize", f"{node.name}/rescale{position}", (name,), (copy.name,)))
            copies.append(copy)
            names[position] = copy.name
    return node.replace(inputs=tuple(names)), before, copies
