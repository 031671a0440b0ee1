"""batch_matmul on int8 and int16 (TensorFlow Lite reference_ops::BatchMatMul)."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import multiply_wide, wrap_int32
from edgekit.graph.integer.params import MatmulParams
from edgekit.graph.integer.rescale import activation_tensor, full_clamp, to_rescale
from edgekit.graph.rounding import rounding_of


def prepare_batch_matmul(graph: Graph, node: Node) -> MatmulParams:
    """Parameters of one batch_matmul node.

    Raises:
        UnsupportedOpError: operands and output of different element types.
    """
    first, second = (activation_tensor(tensor, node) for tensor in graph.node_inputs(node))
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    if not first.dtype == second.dtype == output.dtype:
        raise UnsupportedOpError(f"batch_matmul of {first.dtype} and {second.dtype} to {output.dtype}", where=node.name)
    (scale_1, zero_1), (scale_2, zero_2), (scale_out, zero_out) = (t.scale_zero() for t in (first, second, output))
    return MatmulParams(
        adj_x=bool(node.attrs["adj_x"]),
        adj_y=bool(node.attrs["adj_y"]),
        zero_points=(zero_1, zero_2),
        rescale=to_rescale(scale_1 * scale_2 / scale_out, rounding_of(graph)),
        output_zero_point=zero_out,
        clamp=full_clamp(output),
    )


def batch_matmul(params: MatmulParams, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """X [N, …, M, K] times y [N, …, K, C] to [N, …, M, C]; the axes between broadcast."""
    # float64 holds sums of up to 2⁵³ exactly and multiplies matrices much faster than int64.
    first = x.astype(np.float64) - params.zero_points[0]
    second = y.astype(np.float64) - params.zero_points[1]
    if params.adj_x:
        first = np.swapaxes(first, -1, -2)
    if params.adj_y:
        second = np.swapaxes(second, -1, -2)
    sums = (first @ second).astype(np.int64)
    if params.clamp.dtype == "int16":
        return params.clamp(multiply_wide(sums, params.rescale.multiplier, params.rescale.shift))
    return params.clamp(params.rescale(wrap_int32(sums)) + params.output_zero_point)
