"""One fully_connected that is cut into parts at once becomes one for each part: queries, keys and values.

Nothing is copied any more, each part has a scale of its own, and what is done to one part alone folds into its weights.
"""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor


def split_dense(graph: Graph) -> Graph:
    """A new graph in which a fully_connected without activation, read only by slices of its last axis, is split.

    A reshape that keeps the last axis may stand between.
    """
    consumers = graph.consumers()
    nodes: list[Node] = []
    added: list[Tensor] = []
    gone: set[str] = set()
    for node in graph.nodes:
        parts = _parts(graph, node, consumers) if node.op == "fully_connected" else None
        if parts is None:
            nodes += [node] if node.name not in gone else []
            continue
        between, slices = parts
        gone.update(part.name for part in (*between, *slices))
        for part in slices:
            split, tensors = _one(graph, node, part)
            nodes += split
            added += tensors
    return graph.rebuild(nodes, added) if added else graph


def _parts(graph: Graph, node: Node, consumers: dict[str, list[Node]]) -> tuple[list[Node], list[Node]] | None:
    """The reshapes behind a fully_connected and the slices that are all its readers; None where others read it."""
    if node.attrs.get("activation", "none") != "none" or node.outputs[0] in graph.outputs:
        return None
    between: list[Node] = []
    slices: list[Node] = []
    for reader in consumers.get(node.outputs[0], []):
        if reader.op == "reshape" and reader.outputs[0] not in graph.outputs and _keeps_last(graph, reader):
            between.append(reader)
            slices += consumers.get(reader.outputs[0], [])
        else:
            slices.append(reader)
    if len(slices) < 2 or not all(reader.op == "slice" and _cuts_last(graph, reader) for reader in slices):
        return None
    return between, slices


def _keeps_last(graph: Graph, node: Node) -> bool:
    return graph.tensor(node.inputs[0]).dims[-1] == graph.tensor(node.outputs[0]).dims[-1]


def _cuts_last(graph: Graph, node: Node) -> bool:
    whole = graph.tensor(node.inputs[0]).dims[:-1]
    result: bool = node.attrs["size"][:-1] == whole and node.attrs["stride"][-1] == 1
    return result


def _one(graph: Graph, node: Node, part: Node) -> tuple[list[Node], list[Tensor]]:
    """The fully_connected of one slice, and a reshape to the slice's shape where they differ."""
    first, count = part.attrs["begin"][-1], part.attrs["size"][-1]
    output, dense = graph.tensor(part.outputs[0]), graph.tensor(node.outputs[0])
    tensors: list[Tensor] = []
    names = [node.inputs[0]]
    for position in (1, 2):
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name:
            data = np.asarray(graph.tensor(name).data)[first : first + count]
            tensors.append(Tensor(f"{name}@{part.name}", data.shape, "float32", data=data))
            name = tensors[-1].name
        names.append(name)
    dims = (*dense.dims[:-1], count)
    if dims == output.dims:
        return [node.replace(name=part.name, inputs=tuple(names), outputs=part.outputs)], tensors
    own = Tensor(f"{part.name}/dense", dims, "float32")
    dense_node = node.replace(name=f"{part.name}/dense", inputs=tuple(names), outputs=(own.name,))
    return [dense_node, Node("reshape", part.name, (own.name,), part.outputs)], [*tensors, own]
