"""The range that an operator's output can reach, from the ranges of its inputs: interval arithmetic.

It is never too small and mostly some times too large. Where calibration clips are at hand they give a better one
(passes/unstated_ranges.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Quantization

Interval = tuple[float, float]


def reachable_range(graph: Graph, node: Node, quants: Mapping[str, Quantization]) -> Quantization | None:
    """int8 quantization of a weighted layer's, a sum's or a product's output; None for others or unknown inputs."""
    inputs = [_covered(quants[name]) for name in node.inputs if name in quants]
    if node.op in WEIGHTED and inputs:
        low, high = _weighted(graph, node, inputs[0])
    elif node.op in ("add", "sub", "mul") and len(inputs) == len(node.inputs):
        low, high = _combined(node.op, *inputs)
    else:
        return None
    activation = node.attrs.get("activation", "none")
    low, high = min(0.0, low) if activation == "none" else 0.0, max(0.0, high)
    high = min(high, 6.0) if activation == "relu6" else high
    scale = np.float32(max(high - low, 1e-6) / 255)
    zero_point = min(max(round(-128 - low / float(scale)), -128), 127)
    return Quantization(np.array([scale]), np.array([zero_point]))


def _covered(quant: Quantization) -> Interval:
    scale, zero_point = quant.scalar()
    return (-128 - zero_point) * scale, (127 - zero_point) * scale


def _weighted(graph: Graph, node: Node, given: Interval) -> Interval:
    weights = np.asarray(graph.tensor(node.inputs[1]).data, np.float64)
    rows = np.moveaxis(weights, WEIGHTED[node.op], 0).reshape(weights.shape[WEIGHTED[node.op]], -1)
    bias = np.zeros(len(rows))
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = np.asarray(graph.tensor(node.inputs[2]).data, np.float64).reshape(-1)
    positive, negative = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    low = positive * given[0] + negative * given[1] + bias
    high = positive * given[1] + negative * given[0] + bias
    return float(low.min()), float(high.max())


def _combined(op: str, first: Interval, second: Interval) -> Interval:
    if op == "add":
        return first[0] + second[0], first[1] + second[1]
    if op == "sub":
        return first[0] - second[1], first[1] - second[0]
    corners = [a * b for a in first for b in second]
    return min(corners), max(corners)
