"""mul on int8 and int16 with broadcasting (TensorFlow Lite reference_integer_ops::Mul)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.params import MulParams
from edgekit.graph.integer.rescale import activation_tensor, fused_clamp, to_rescale
from edgekit.graph.rounding import rounding_of


def prepare_mul(graph: Graph, node: Node) -> MulParams:
    """Parameters of one mul node."""
    first, second = (activation_tensor(tensor, node) for tensor in graph.node_inputs(node))
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    (scale_1, zero_1), (scale_2, zero_2), (scale_out, zero_out) = (t.scale_zero() for t in (first, second, output))
    return MulParams(
        zero_points=(zero_1, zero_2),
        rescale=to_rescale(scale_1 * scale_2 / scale_out, rounding_of(graph)),
        output_zero_point=zero_out,
        clamp=fused_clamp(node.attrs.get("activation", "none"), output),
    )


def mul(params: MulParams, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """X · y, broadcast, all of one element type."""
    product = (x.astype(np.int64) - params.zero_points[0]) * (y.astype(np.int64) - params.zero_points[1])
    return params.clamp(params.rescale(product) + params.output_zero_point)
