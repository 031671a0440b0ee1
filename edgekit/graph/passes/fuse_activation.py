"""Fuse relu and relu6 into the operator that they follow."""

from __future__ import annotations

from edgekit.graph.graph import Graph
from edgekit.graph.ops import BINARY_OPS

FUSING = frozenset({"conv2d", "depthwise_conv2d", "fully_connected", "avg_pool2d", "max_pool2d"}) | BINARY_OPS


def fuse_activation(graph: Graph) -> Graph:
    """A new graph in which an activation that alone reads a FUSING operator's output is that operator's attribute.

    relu after relu and relu6 after relu6 vanish; relu6 after relu becomes relu6.
    """
    consumers = graph.consumers()
    nodes = list(graph.nodes)
    position = {name: index for index, node in enumerate(nodes) for name in node.outputs}
    for index, node in enumerate(graph.nodes):
        source = position.get(node.inputs[0]) if node.op in ("relu", "relu6") else None
        if source is None or len(consumers[node.inputs[0]]) != 1 or node.inputs[0] in graph.outputs:
            continue
        before = nodes[source]
        if before.op not in FUSING or (before.attrs["activation"], node.op) == ("relu6", "relu"):
            continue
        nodes[source] = before.replace(attrs={**before.attrs, "activation": node.op}, outputs=node.outputs)
        position[node.outputs[0]] = source
        nodes[index] = node.replace(op="")
    return graph.rebuild([node for node in nodes if node.op])
