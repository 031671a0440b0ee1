"""Remove reshapes that say nothing, and merge those that follow each other."""

from __future__ import annotations

from edgekit.graph.graph import Graph, Node


def merge_reshape(graph: Graph) -> Graph:
    """A new graph in which, in this order of trial for each reshape:

    1. a reshape of a reshape reads the first one's input;
    2. a reshape to its input's own shape is gone (unless it makes a graph output);
    3. a reshape in front of a fully_connected that flattens anyway is gone;
    4. a reshape that drops the axes that a ``mean`` kept is the mean's keep_dims = False.
    """
    nodes: list[Node] = []
    alias: dict[str, str] = {}
    made: dict[str, Node] = {}
    consumers = graph.consumers()
    for original in graph.nodes:
        node = original.replace(inputs=tuple(alias.get(name, name) for name in original.inputs))
        if node.op == "reshape":
            before = made.get(node.inputs[0])
            if before is not None and before.op == "reshape":
                node = node.replace(inputs=before.inputs)
            same = graph.tensor(node.inputs[0]).dims == graph.tensor(node.outputs[0]).dims
            if (same or _only_flattened(consumers, node)) and node.outputs[0] not in graph.outputs:
                alias[node.outputs[0]] = node.inputs[0]
                continue
        made.update(dict.fromkeys(node.outputs, node))
        nodes.append(node)
    return _unkept_means(graph.rebuild(nodes))


def _only_flattened(consumers: dict[str, list[Node]], node: Node) -> bool:
    """Every reader is a fully_connected that takes its input as a flat list anyway."""
    readers = consumers.get(node.outputs[0], [])
    return bool(readers) and all(
        reader.op == "fully_connected" and not reader.attrs["keep_dims"] and reader.inputs[0] == node.outputs[0]
        for reader in readers
    )


def _unkept_means(graph: Graph) -> Graph:
    producers, consumers = graph.producers(), graph.consumers()
    nodes: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        mean = producers.get(node.inputs[0]) if node.op == "reshape" else None
        if mean is None or mean.op != "mean" or len(consumers[mean.outputs[0]]) != 1:
            continue
        if mean.outputs[0] in graph.outputs or not mean.attrs["keep_dims"]:
            continue
        kept = graph.tensor(mean.outputs[0]).dims
        dropped = tuple(dim for axis, dim in enumerate(kept) if axis not in mean.attrs["axes"])
        if dropped == graph.tensor(node.outputs[0]).dims:
            nodes[mean.name] = mean.replace(attrs={**mean.attrs, "keep_dims": False}, outputs=node.outputs)
            gone.add(node.name)
    return graph.rebuild([nodes.get(node.name, node) for node in graph.nodes if node.name not in gone])
