"""Rounding with compensation: the error of a weight that is rounded is taken up by the weights not yet rounded.

Source: Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers" (2023),
section 3 (Hassibi's optimal brain surgeon, a column at a time). With H the covariance of a layer's inputs and U the
upper Cholesky factor of its inverse, rounding column i by e moves the later columns j by −e · U_ij / U_ii, which keeps
the layer's outputs on the calibration clips as near as whole weights can.

Inputs are what the layer will read, rounded to their scale. Their mean is left out of H: quantize/bias_correction.py
takes what it does out of the bias.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.passes.widen import widths
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.quantize.cluster import VALUES, codebook, nearest
from edgekit.quantize.layer_rows import as_rows, from_rows, input_rows
from edgekit.quantize.weights import WEIGHT_MAX, largest_weight, quantize_weights

_CLIPS = 64
_DAMPING = 0.01
"""Share of the mean variance that is added to every input's (section 3.4)."""


def compensated(graph: Graph, quants: Mapping[str, Quantization], clips: np.ndarray, per_channel_dense: bool) -> Graph:
    """The float graph with weights on the int8 grid that they will get, so that rounding them leaves them as they are.

    Largest weights keep their step, so that the scales stay.

    Args:
        graph: float edge graph.
        quants: quantization of the activations.
        clips: float32 [N, H, W, C]; 64 of them are looked at, evenly spaced.
        per_channel_dense: as in PtqOptions.
    """
    some = clips[np.unique(np.linspace(0, len(clips) - 1, min(_CLIPS, len(clips))).round().astype(int))]
    activations = run_float(graph, np.ascontiguousarray(some, np.float32), all_tensors=True)
    width, readers = widths(graph), graph.consumers()
    nodes, tensors = [], []
    for node in graph.nodes:
        if node.op in WEIGHTED and len(readers[node.inputs[1]]) == 1:  # weights of several steps see several inputs
            source = node.inputs[0]
            seen = _as_read(activations[source], quants[source], width[source])
            tensors.append(_layer(graph, node, seen, quants[source].scalar()[0], per_channel_dense))
            node = node.replace(inputs=(source, tensors[-1].name, *node.inputs[2:]))
        nodes.append(node)
    return graph.rebuild(nodes, tensors)


def rounded_with_compensation(
    rows: np.ndarray,
    scale: np.ndarray,
    covariance: np.ndarray,
    book: np.ndarray | None = None,
    largest: int = WEIGHT_MAX,
) -> np.ndarray:
    """Whole numbers of at most ``largest`` for weights [O, K] at ``scale`` [O]; float64 [O, K].

    Args:
        rows: float64 weights.
        scale: float64, of each output.
        covariance: float64 [K, K] of the inputs; one that is singular is made regular.
        book: the numbers to choose from (quantize/cluster.py); all when None.
        largest: whole number of a weight.
    """
    count = len(covariance)
    power = np.diag(covariance)
    order = np.argsort(-power, kind="stable")
    regular = covariance[np.ix_(order, order)] + np.eye(count) * (_DAMPING * power.mean() + 1e-12)
    factor = np.linalg.cholesky(np.linalg.inv(regular)).T
    rest, whole = rows[:, order].copy(), np.empty_like(rows)
    for column in range(count):
        ratio = rest[:, column] / scale
        steps = np.clip(np.rint(ratio), -largest, largest) if book is None else nearest(ratio, book)
        whole[:, order[column]] = steps
        error = (rest[:, column] - steps * scale) / factor[column, column]
        rest[:, column + 1 :] -= error[:, None] * factor[column, column + 1 :]
    return whole


def _as_read(x: np.ndarray, quant: Quantization, width: str) -> np.ndarray:
    """An activation as the layer will read it, float32."""
    scale, zero_point = quant.scalar()
    limits = np.iinfo(width)
    steps = np.clip(np.rint(x / scale) + zero_point, limits.min, limits.max) - zero_point
    rounded: np.ndarray = (steps * scale).astype(np.float32)
    return rounded


def _layer(graph: Graph, node: Node, x: np.ndarray, input_scale: float, per_channel_dense: bool) -> Tensor:
    """The weights of one layer; ``x`` is its input on the clips as it will be read."""
    weights = graph.tensor(node.inputs[1])
    bias = graph.tensor(node.inputs[2]).data if len(node.inputs) > 2 and node.inputs[2] else None
    per_channel = per_channel_dense or node.op != "fully_connected"
    axis = WEIGHTED[node.op]
    most = largest_weight(node)
    given = None if bias is None else bias.reshape(-1)
    whole = quantize_weights(weights, axis, per_channel, input_scale, given, largest=most)
    if whole.quant is None or whole.data is None:
        return weights
    scale = np.broadcast_to(whole.quant.scale.astype(np.float64), (weights.dims[axis],))
    values = np.asarray(weights.data, np.float64)
    rows, steps = as_rows(node, values), as_rows(node, whole.data.astype(np.float64)).copy()
    inputs = input_rows(node, values, x, np.random.default_rng(0))
    each = len(rows) // len(inputs)
    largest = np.abs(steps) == most
    book = codebook(rows / scale[:, None], node.attrs[VALUES]) if VALUES in node.attrs else None
    for group, seen in enumerate(inputs.astype(np.float64)):
        part = slice(group * each, (group + 1) * each)
        centred = seen - seen.mean(axis=0)
        found = rounded_with_compensation(rows[part], scale[part], centred.T @ centred / len(seen), book, most)
        steps[part] = np.where(largest[part], steps[part], found)
    data = from_rows(node, steps * scale[:, None], weights.dims).astype(np.float32)
    return Tensor(f"{node.name}/compensated", weights.shape, "float32", data=data)
