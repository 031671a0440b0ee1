"""From scales to parameters: activation bounds, multipliers, and the checks every integer node shares."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import INT8_MAX, INT8_MIN, quantize_multiplier, round_half_away
from edgekit.graph.integer.params import Clamp, Rescale
from edgekit.graph.tensor import Tensor

RELU6_MAX = 6.0


def to_rescale(real: float) -> Rescale:
    """``real`` as multiplier and shift (TensorFlow Lite QuantizeMultiplier)."""
    return Rescale(*quantize_multiplier(real))


def activation_tensor(tensor: Tensor | None, node: Node) -> Tensor:
    """``tensor``, checked to be an int8 activation with one scale and a zero point that int8 holds.

    Raises:
        UnsupportedOpError: another element type (int16, uint8, float): this node is not integer int8.
        BadFileError: no quantization, several scales, or a zero point out of range.
    """
    if tensor is None:
        raise BadFileError("a required input is absent", where=node.name)
    if tensor.dtype != "int8":
        raise UnsupportedOpError(
            f"{node.op} on {tensor.dtype} tensor {tensor.name!r}: only int8 activations are integer here",
            where=node.name,
            mend="quantize the model to int8 (edgekit quantize)",
        )
    _, zero_point = tensor.scale_zero()
    if not INT8_MIN <= zero_point <= INT8_MAX:
        raise BadFileError(f"zero point {zero_point} does not fit int8", where=tensor.name)
    return tensor


def input_output(graph: Graph, node: Node) -> tuple[Tensor, Tensor]:
    """First input and output of ``node``, both checked by :func:`activation_tensor`."""
    source = activation_tensor(graph.node_inputs(node)[0], node)
    return source, activation_tensor(graph.tensor(node.outputs[0]), node)


def fused_clamp(activation: str, output: Tensor) -> Clamp:
    """Bounds of a fused activation in the output's int8 values (CalculateActivationRangeQuantized, float32)."""
    scale, zero_point = output.scale_zero()

    def quantized(real: float) -> int:
        return zero_point + int(round_half_away(np.float32(real) / np.float32(scale)))

    if activation == "none":
        return Clamp(INT8_MIN, INT8_MAX)
    low = max(INT8_MIN, quantized(0.0))
    if activation == "relu":
        return Clamp(low, INT8_MAX)
    if activation == "relu6":
        return Clamp(low, min(INT8_MAX, quantized(RELU6_MAX)))
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
