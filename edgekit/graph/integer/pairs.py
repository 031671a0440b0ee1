"""minimum, maximum (values move, none changes) and squared_difference on two operands with broadcasting."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.params import AddParams, ExtremeParams
from edgekit.graph.integer.rescale import activation_tensor, full_clamp, require_same_scale, to_rescale
from edgekit.graph.rounding import rounding_of

SQUARE_LEFT_SHIFT = 7
"""255² · 2¹⁴ just fits int32 (TFLM squared_difference.cc)."""


def prepare_extreme(graph: Graph, node: Node) -> ExtremeParams:
    """Parameters of one minimum or maximum node; all three tensors have one scale (TFLM compares the bytes)."""
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    for tensor in graph.node_inputs(node):
        require_same_scale(node, activation_tensor(tensor, node), output)
    return ExtremeParams(largest=node.op == "maximum")


def extreme(params: ExtremeParams, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The larger or the smaller of x and y."""
    result: np.ndarray = np.maximum(x, y) if params.largest else np.minimum(x, y)
    return result


def prepare_squared_difference(graph: Graph, node: Node) -> AddParams:
    """Parameters of one squared_difference node (TFLM squared_difference.cc): those of a sub whose result is squared.

    Raises:
        UnsupportedOpError: int16, which TFLM alone computes.
    """
    first, second = (activation_tensor(tensor, node) for tensor in graph.node_inputs(node))
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    if output.dtype != "int8":
        raise UnsupportedOpError("squared_difference on int16", where=node.name, mend="use sub and mul")
    (scale_1, zero_1), (scale_2, zero_2), (scale_out, zero_out) = (t.scale_zero() for t in (first, second, output))
    twice_largest = 2.0 * max(scale_1, scale_2)
    # The reference multiplies the scale by 2^14 in float32.
    divisor = float(np.float32(1 << (2 * SQUARE_LEFT_SHIFT)) * np.float32(scale_out))
    rounding = rounding_of(graph)
    return AddParams(
        left_shift=SQUARE_LEFT_SHIFT,
        zero_points=(zero_1, zero_2),
        rescales=(to_rescale(scale_1 / twice_largest, rounding), to_rescale(scale_2 / twice_largest, rounding)),
        output_rescale=to_rescale(twice_largest * twice_largest / divisor, rounding),
        output_zero_point=zero_out,
        clamp=full_clamp(output),
        sign=-1,
    )


def squared_difference(params: AddParams, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """int8 (x − y)², broadcast, to int8."""
    sides = []
    for side, zero_point, rescale in zip((x, y), params.zero_points, params.rescales, strict=True):
        shifted = (side.astype(np.int64) - zero_point) << params.left_shift
        sides.append(rescale(shifted))
    square = (sides[0] - sides[1]) ** 2
    return params.clamp(params.output_rescale(square) + params.output_zero_point)
