"""Fold explicit zero padding into the convolution that follows it."""

from __future__ import annotations

from edgekit.graph.graph import Graph, Node


def fold_pad(graph: Graph) -> Graph:
    """A new graph in which a spatial pad that only convolutions read is part of their ``pad`` attribute.

    Pools are left alone: their own padding is never counted, an explicit one is.
    """
    producers, consumers = graph.producers(), graph.consumers()

    def folded(node: Node) -> Node:
        before = producers.get(node.inputs[0])
        if node.op not in ("conv2d", "depthwise_conv2d") or before is None or before.op != "pad":
            return node
        pads = before.attrs["pads"]
        if any(pads[0]) or any(pads[3]) or node.inputs[0] in graph.outputs:
            return node
        if any(reader.op not in ("conv2d", "depthwise_conv2d") for reader in consumers[node.inputs[0]]):
            return node
        own = node.attrs["pad"]
        total = tuple((own[i][0] + pads[1 + i][0], own[i][1] + pads[1 + i][1]) for i in range(2))
        return node.replace(inputs=(before.inputs[0], *node.inputs[1:]), attrs={**node.attrs, "pad": total})

    return graph.rebuild([folded(node) for node in graph.nodes])
