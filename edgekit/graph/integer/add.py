"""add and sub on int8 and int16 with broadcasting (TensorFlow Lite reference_integer_ops::Add, Sub)."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import Int64
from edgekit.graph.integer.params import AddParams, Rescale
from edgekit.graph.integer.rescale import activation_tensor, fused_clamp, to_rescale
from edgekit.graph.rounding import rounding_of

LEFT_SHIFTS = {"int8": 20, "int16": 15}
"""Bits by which an input is moved up before it is rescaled, by element type."""


def prepare_add(graph: Graph, node: Node) -> AddParams:
    """Parameters of one add or sub node.

    Raises:
        UnsupportedOpError: the output scale is so small against the inputs' that the reference kernel refuses it.
    """
    first, second = (activation_tensor(tensor, node) for tensor in graph.node_inputs(node))
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    (scale_1, zero_1), (scale_2, zero_2), (scale_out, zero_out) = (t.scale_zero() for t in (first, second, output))
    left_shift = LEFT_SHIFTS[output.dtype]
    twice_largest = 2.0 * max(scale_1, scale_2)
    factor_out = twice_largest / ((1 << left_shift) * scale_out)
    if factor_out >= 1.0:
        raise UnsupportedOpError(
            f"the output scale {scale_out:g} is 2^{left_shift - 1} times smaller than the inputs'",
            where=node.name,
            mend="calibrate this sum again",
        )
    rounding = rounding_of(graph)
    return AddParams(
        left_shift=left_shift,
        zero_points=(zero_1, zero_2),
        rescales=(to_rescale(scale_1 / twice_largest, rounding), to_rescale(scale_2 / twice_largest, rounding)),
        output_rescale=to_rescale(factor_out, rounding),
        output_zero_point=zero_out,
        clamp=fused_clamp(node.attrs.get("activation", "none"), output),
        sign=-1 if node.op == "sub" else 1,
    )


def add(params: AddParams, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """X ± y, broadcast, all of one element type."""
    first = _rescaled(params, x, params.zero_points[0], params.rescales[0])
    total = first + params.sign * _rescaled(params, y, params.zero_points[1], params.rescales[1])
    return params.clamp(params.output_rescale(total) + params.output_zero_point)


def _rescaled(params: AddParams, x: np.ndarray, zero_point: int, rescale: Rescale) -> Int64:
    if x.dtype == np.int16:
        values = (x.astype(np.int64) - zero_point) << params.left_shift
        return rescale(values)
    # An int8 input has 256 values: the rescaling is a look-up, which is much faster than five passes of int64.
    values = (np.arange(-128, 128, dtype=np.int64) - zero_point) << params.left_shift
    return rescale(values)[x.astype(np.int64) + 128]
