"""A channel shuffle behind a convolution becomes the order of the convolution's filters: no data moves."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Tensor


def fold_shuffle(graph: Graph) -> Graph:
    """A new float graph in which reshape, transpose, reshape that only reorder the channels of a layer are gone.

    The layer is a conv2d or fully_connected that nothing else reads; its activation works on single values, so it does
    not mind. Depthwise convolutions are left alone: their filters belong to their inputs.
    """
    producers, consumers = graph.producers(), graph.consumers()
    changed: dict[str, Node] = {}
    gone: set[str] = set()
    added: list[Tensor] = []
    for node in graph.nodes:
        chain = _chain(graph, node, producers, consumers)
        if chain is None:
            continue
        layer, first, last = chain
        order = _channel_order(graph, first, node, last)
        if order is None or layer.name in changed:
            continue
        names = [layer.inputs[0]]
        for name in layer.inputs[1:]:
            if name:
                data = np.asarray(graph.tensor(name).data)[order]
                added.append(Tensor(f"{name}@{last.name}", data.shape, "float32", data=data))
            names.append(added[-1].name if name else "")
        changed[layer.name] = layer.replace(inputs=tuple(names), outputs=last.outputs)
        gone.update((first.name, node.name, last.name))
    return graph.rebuild([changed.get(n.name, n) for n in graph.nodes if n.name not in gone], added)


def _chain(
    graph: Graph, node: Node, producers: dict[str, Node], consumers: dict[str, list[Node]]
) -> tuple[Node, Node, Node] | None:
    """The layer, the reshape before and the reshape after a transpose, each read by the next one alone."""
    first = producers.get(node.inputs[0]) if node.op == "transpose" else None
    layer = producers.get(first.inputs[0]) if first is not None and first.op == "reshape" else None
    if first is None or layer is None or layer.op not in WEIGHTED or layer.op == "depthwise_conv2d":
        return None
    readers = consumers.get(node.outputs[0], [])
    alone = all(
        len(consumers.get(name, [])) == 1 and name not in graph.outputs
        for name in (layer.outputs[0], first.outputs[0], node.outputs[0])
    )
    if not alone or readers[0].op != "reshape":
        return None
    same = graph.tensor(readers[0].outputs[0]).dims == graph.tensor(layer.outputs[0]).dims
    return (layer, first, readers[0]) if same else None


def _channel_order(graph: Graph, first: Node, node: Node, last: Node) -> np.ndarray | None:
    """Old channel of each new one, int64 [C]; None where more than channels move."""
    dims = graph.tensor(last.outputs[0]).dims
    index = np.arange(graph.tensor(last.outputs[0]).elements).reshape(graph.tensor(first.outputs[0]).dims)
    rows = index.transpose(node.attrs["perm"]).reshape(-1, dims[-1])
    steps = np.arange(len(rows))[:, None] * dims[-1]
    order: np.ndarray = rows[0]
    return order if np.array_equal(rows, steps + order) and order.max() < dims[-1] else None
