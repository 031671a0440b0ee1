"""What a classifier's output means: probabilities, whatever numbers it is in."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph


def probabilities(graph: Graph, y: np.ndarray) -> np.ndarray:
    """Outputs of an edge graph as probabilities: int8 is read by its scale, logits go through softmax.

    Args:
        graph: the graph, or its integer core, that ``y`` comes from.
        y: int8 or float [N, …].

    Returns:
        float64 [N, classes], rows that sum to 1 (of a model that ends in softmax, as nearly as its output does).
    """
    made = graph.tensor(graph.outputs[0])
    rows = y.reshape(len(y), -1).astype(np.float64)
    if y.dtype == np.int8:
        scale, zero_point = made.scale_zero()
        rows = (rows - zero_point) * np.float64(np.float32(scale))
    if ends_in_softmax(graph):
        return rows
    exponents = np.exp(rows - rows.max(axis=1, keepdims=True))
    out: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
    return out


def ends_in_softmax(graph: Graph) -> bool:
    """Whether the output is probabilities already, perhaps in integers or another shape."""
    producers = graph.producers()
    node = producers.get(graph.outputs[0])
    while node is not None and node.op in ("dequantize", "reshape"):
        node = producers.get(node.inputs[0])
    return node is not None and node.op == "softmax"
