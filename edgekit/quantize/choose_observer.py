"""The observer of each activation by what its readers make of it: least output error of the operators that read it.

A range that clips much may be the nearest to the activation and yet not to the sums that the next layer forms, so the
candidates are judged behind that layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import FIXED_OUTPUTS
from edgekit.quantize.activations import activation_quantization, sharing_groups
from edgekit.quantize.observers import Range

_CLIPS = 32
"""Errors of layers differ by far more than they vary between clips."""


def best_ranges(
    graph: Graph, clips: np.ndarray, candidates: Mapping[str, Mapping[str, Range]]
) -> tuple[dict[str, Range], dict[str, str]]:
    """Ranges and the names of their observers, by activation.

    Activations that share a scale get one observer. Where nothing reads the group, or only operators whose inputs are
    not all known here (a product of two activations is judged with the other side in float), "minmax" stays.

    Args:
        graph: float edge graph with one input.
        clips: float32 [N, H, W, C]; the first 32 are looked at.
        candidates: observer → activation → range.
    """
    activations = run_float(graph, np.ascontiguousarray(clips[:_CLIPS], np.float32), all_tensors=True)
    readers = graph.consumers()
    scales = {name: activation_quantization(graph, ranges) for name, ranges in candidates.items()}
    ranges: dict[str, Range] = {}
    chosen: dict[str, str] = {}
    fixed = {node.outputs[0] for node in graph.nodes if node.op in FIXED_OUTPUTS}
    for members in sharing_groups(graph):
        errors = dict.fromkeys(candidates, 0.0)
        judged = [(name, node) for name in members for node in readers.get(name, []) if node.outputs[0] not in members]
        if not fixed.intersection(members) and not set(members).intersection(graph.outputs):
            for name, node in judged:
                for observer in candidates:
                    scale, zero_point = scales[observer][name].scalar()
                    errors[observer] += _output_error(graph, node, name, activations, scale, zero_point)
        best = min(errors, key=errors.__getitem__) if any(errors.values()) else "minmax"
        for name in members:
            ranges[name], chosen[name] = candidates[best][name], best
    return ranges, chosen


def _output_error(
    graph: Graph, node: Node, name: str, activations: Mapping[str, np.ndarray], scale: float, zero_point: int
) -> float:
    """Squared error of a node's output, relative to its size, when its input ``name`` is int8."""
    x = activations[name]
    rounded = (np.clip(np.rint(x / scale) + zero_point, -128, 127) - zero_point) * scale
    alone = _with_one_input(graph, node, name, activations)
    if alone is None:
        error, size = rounded - x, x
    else:
        expected = run_float(alone, x)
        error, size = run_float(alone, rounded.astype(np.float32)) - expected, expected
    return float(np.sum(np.square(error, dtype=np.float64)) / max(np.sum(np.square(size, dtype=np.float64)), 1e-30))


def _with_one_input(graph: Graph, node: Node, name: str, activations: Mapping[str, np.ndarray]) -> Graph | None:
    """The node as a graph of its own; None where it reads another activation too."""
    if any(other in activations and other != name for other in node.inputs):
        return None
    return graph.rebuild([node], inputs=(name,), outputs=node.outputs)
