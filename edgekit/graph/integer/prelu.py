"""prelu on int8 (TensorFlow Lite Micro's BroadcastPrelu4DSlow)."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.params import PreluParams
from edgekit.graph.integer.rescale import activation_tensor, full_clamp, to_rescale
from edgekit.graph.rounding import rounding_of


def prepare_prelu(graph: Graph, node: Node) -> PreluParams:
    """Parameters of one prelu node; both factors are quotients of float32.

    Raises:
        UnsupportedOpError: int16, or slopes that are computed.
    """
    source, slope = (activation_tensor(tensor, node) for tensor in graph.node_inputs(node))
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    if slope.data is None:
        raise UnsupportedOpError("prelu with slopes that are not constant", where=node.name)
    (scale, zero), (slope_scale, zero_slope), (step, zero_out) = (t.scale_zero() for t in (source, slope, output))
    factor = np.float32(scale) / np.float32(step)
    negative = np.float32(scale) * np.float32(slope_scale) / np.float32(step)
    return PreluParams(
        zero_points=(zero, zero_slope),
        positive=to_rescale(float(factor), rounding_of(graph)),
        negative=to_rescale(float(negative), rounding_of(graph)),
        output_zero_point=zero_out,
        clamp=full_clamp(output),
    )


def prelu(params: PreluParams, x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """int8 x and slopes, broadcast, to int8."""
    centred = x.astype(np.int64) - params.zero_points[0]
    product = centred * (slope.astype(np.int64) - params.zero_points[1])
    sides = np.where(centred >= 0, params.positive(centred), params.negative(product))
    return params.clamp(sides + params.output_zero_point)
