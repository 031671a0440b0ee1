"""From scales to parameters: activation bounds, multipliers, and the checks every integer node shares."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT16_MAX,
    INT16_MIN,
    round_half_away,
)
from edgekit.graph.integer.params import Clamp, Rescale
from edgekit.graph.integer.params_rescale import multiplier_of
from edgekit.graph.ops import INT16_OPS
from edgekit.graph.rounding import Rounding
from edgekit.graph.tensor import Tensor

RELU6_MAX = 6.0

LIMITS = {"int8": (INT8_MIN, INT8_MAX), "int16": (INT16_MIN, INT16_MAX)}
"""Smallest and largest value of the element types that activations have."""


def to_rescale(real: float, rounding: Rounding) -> Rescale:
    """``real`` as multiplier and shift (TensorFlow Lite QuantizeMultiplier), for a graph that rounds so."""
    return Rescale(*multiplier_of(real, rounding), rounding)


def activation_tensor(tensor: Tensor | None, node: Node) -> Tensor:
    """``tensor``, checked to be an integer activation with one scale and a zero point that its type holds.

    int8 everywhere, int16 (zero point 0) where the operator has such a form (graph/ops.py, INT16_OPS).

    Raises:
        UnsupportedOpError: another element type (uint8, float), or int16 where there is no such form.
        BadFileError: no quantization, several scales, or a zero point out of range.
    """
    if tensor is None:
        raise BadFileError("a required input is absent", where=node.name)
    if tensor.dtype == "int16" and node.op not in INT16_OPS:
        raise UnsupportedOpError(
            f"{node.op} on int16 tensor {tensor.name!r}", where=node.name, mend="put a quantize to int8 before it"
        )
    if tensor.dtype not in LIMITS:
        raise UnsupportedOpError(
            f"{node.op} on {tensor.dtype} tensor {tensor.name!r}: only int8 and int16 activations are integer here",
            where=node.name,
            mend="quantize the model to int8 (edgekit quantize)",
        )
    _, zero_point = tensor.scale_zero()
    low, high = LIMITS[tensor.dtype] if tensor.dtype == "int8" else (0, 0)
    if not low <= zero_point <= high:
        raise BadFileError(f"zero point {zero_point} does not fit {tensor.dtype}", where=tensor.name)
    return tensor


def input_output(graph: Graph, node: Node) -> tuple[Tensor, Tensor]:
    """First input and output of ``node``, both checked by :func:`activation_tensor`."""
    source = activation_tensor(graph.node_inputs(node)[0], node)
    return source, activation_tensor(graph.tensor(node.outputs[0]), node)


def full_clamp(output: Tensor) -> Clamp:
    """All values of the output's element type."""
    return Clamp(*LIMITS[output.dtype], output.dtype)


def fused_clamp(activation: str, output: Tensor) -> Clamp:
    """Bounds of a fused activation in the output's values (CalculateActivationRangeQuantized, float32)."""
    scale, zero_point = output.scale_zero()

    def quantized(real: float) -> int:
        return zero_point + int(round_half_away(np.float32(real) / np.float32(scale)))

    least, largest = LIMITS[output.dtype]
    if activation == "none":
        return full_clamp(output)
    low = max(least, quantized(0.0))
    if activation == "relu":
        return Clamp(low, largest, output.dtype)
    if activation == "relu6":
        return Clamp(low, min(largest, quantized(RELU6_MAX)), output.dtype)
    raise UnsupportedOpError(f"fused activation {activation!r}", where=output.name, mend="use none, relu or relu6")


def require_same_scale(node: Node, source: Tensor, output: Tensor) -> None:
    """Pooling, padding and reshaping move int8 values as they are.

    Raises:
        UnsupportedOpError: the output has another scale or zero point.
    """
    if source.scale_zero() != output.scale_zero():
        raise UnsupportedOpError(
            f"{node.op} changes scale or zero point ({source.scale_zero()} to {output.scale_zero()})",
            where=node.name,
            mend="give input and output one scale, or put a quantize operator between",
        )
