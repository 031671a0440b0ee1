"""Bias correction: rounded weights shift the mean of a layer's outputs; the bias takes the shift out.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.2, in
the empirical form: E[W̃x] − E[Wx] is measured on calibration clips.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import WEIGHTED
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.quantize.weights import largest_weight, quantize_weights

_CLIPS = 128
"""Means need few clips."""


def corrected_biases(
    graph: Graph,
    quants: Mapping[str, Quantization],
    clips: np.ndarray,
    per_channel_dense: bool,
    original: Graph | None = None,
) -> Graph:
    """The float graph with biases moved by the mean output error of the weights that it will get.

    Args:
        graph: float edge graph.
        quants: quantization of the activations.
        clips: float32 [N, H, W, C].
        per_channel_dense: as in PtqOptions.
        original: the graph with the weights that were trained, where those of ``graph`` are rounded already.
    """
    original = original or graph
    trained = {node.name: original.tensor(node.inputs[1]) for node in original.nodes if node.op in WEIGHTED}
    shared = {name for name, readers in graph.consumers().items() if graph.tensor(name).constant and len(readers) > 1}
    activations = run_float(original, np.ascontiguousarray(clips[:_CLIPS], dtype=np.float32), all_tensors=True)
    nodes, tensors = [], []
    for node in graph.nodes:
        if node.op in WEIGHTED and node.inputs[1] not in shared:  # steps of one layer have one bias
            x = activations[node.inputs[0]]
            bias = _corrected(graph, node, trained[node.name], quants, x, per_channel_dense)
            tensors.append(bias)
            node = node.replace(inputs=(*node.inputs[:2], bias.name))
        nodes.append(node)
    return graph.rebuild(nodes, tensors)


def _corrected(
    graph: Graph,
    node: Node,
    trained: Tensor,
    quants: Mapping[str, Quantization],
    x: np.ndarray,
    per_channel_dense: bool,
) -> Tensor:
    weights = graph.tensor(node.inputs[1])
    axis = WEIGHTED[node.op]
    old = graph.tensor(node.inputs[2]).data if len(node.inputs) > 2 and node.inputs[2] else None
    bias = np.zeros(weights.dims[axis], np.float32) if old is None else old.reshape(-1).astype(np.float32)
    per_channel = per_channel_dense or node.op != "fully_connected"
    input_scale, most = quants[node.inputs[0]].scalar()[0], largest_weight(node)
    error = _rounding_error(quantize_weights(weights, axis, per_channel, input_scale, bias, largest=most), trained)
    shift = _mean_output(graph, node, error, x)
    return Tensor(f"{node.name}/corrected_bias", bias.shape, "float32", data=(bias - shift).astype(np.float32))


def _rounding_error(rounded: Tensor, weights: Tensor) -> Tensor:
    quant = rounded.quant
    values = np.asarray(rounded.data, np.float64)
    if quant is not None and quant.axis is not None:
        shape = [1] * values.ndim
        shape[quant.axis] = -1
        values = values * quant.scale.astype(np.float64).reshape(shape)
    elif quant is not None:
        values = values * float(quant.scale[0])
    return weights.replace(data=(values - np.asarray(weights.data, np.float64)).astype(np.float32))


def _mean_output(graph: Graph, node: Node, weights: Tensor, x: np.ndarray) -> np.ndarray:
    """Mean over clips and positions of the node's output with other ``weights``, no bias, no activation."""
    alone = node.replace(inputs=(node.inputs[0], weights.name, ""), attrs={**node.attrs, "activation": "none"})
    source = graph.tensor(node.inputs[0])
    if source.dims[0] != 1:  # rows of tokens: clips come before them
        source = source.replace(shape=(1, *source.dims))
    single = graph.rebuild([alone], [weights, source], inputs=node.inputs[:1], outputs=node.outputs)
    outputs = run_float(single, x)
    mean: np.ndarray = outputs.reshape(-1, outputs.shape[-1]).mean(axis=0, dtype=np.float64)
    return mean
