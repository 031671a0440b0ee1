"""Constants of an integer graph: symmetric int8 weights, int32 biases, int8 addends."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.quantize.activations import affine, symmetric
from edgekit.quantize.observers import Range

WEIGHT_MAX = 127
"""Weights lie in [−127, 127]: the TFLite int8 specification leaves −128 out."""

LARGEST = "largest"
"""Node attribute: the largest whole number that a layer's weights may have, where that is not WEIGHT_MAX."""

BIAS_MAX = 1 << 30
"""Largest quantized bias; the other half of int32 is left to the sum of products."""

BIAS_LIMITS = {"int32": BIAS_MAX, "int64": 1 << 40}
"""Largest quantized bias by its element type; TFLM scales sums of up to 2⁴⁷ beside int16 activations."""

IDLE_SCALE = 1.0 / WEIGHT_MAX
"""Scale of weights that are all 0: any does."""


def largest_weight(node: Node) -> int:
    """The largest whole number that the weights of a layer may have."""
    return int(node.attrs.get(LARGEST, WEIGHT_MAX))


def quantize_weights(
    tensor: Tensor,
    axis: int,
    per_channel: bool,
    input_scale: float,
    bias: np.ndarray | None,
    bias_limit: int = BIAS_MAX,
    largest: int = WEIGHT_MAX,
) -> Tensor:
    """``tensor`` as symmetric int8.

    A scale is made larger than the weights need where the bias, at input scale × weight scale, would not fit int32.

    Args:
        tensor: constant float32 weights.
        axis: output-channel axis.
        per_channel: one scale a channel, otherwise one for all.
        input_scale: of the activation that the node reads.
        bias: float32 [channels] or None.
        bias_limit: largest quantized bias.
        largest: whole number of a weight.

    Raises:
        BadFileError: weights or bias hold NaN or infinity.
    """
    values = _finite(tensor)
    by_channel = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    scale = np.abs(by_channel).max(axis=1, initial=0.0) / largest
    if bias is not None:
        scale = np.maximum(scale, np.abs(bias.astype(np.float64)) / (input_scale * bias_limit))
    if not per_channel:
        scale = scale.max(keepdims=True)
    scale = np.where(scale > 0, scale, IDLE_SCALE).astype(np.float32)
    shape = [1] * values.ndim
    shape[axis] = -1
    steps = np.rint(values / scale.astype(np.float64).reshape(shape if per_channel else [1] * values.ndim))
    data = np.clip(steps, -largest, largest).astype(np.int8)
    quant = Quantization(scale, np.zeros(scale.size, np.int64), axis if per_channel else None)
    return tensor.replace(dtype="int8", quant=quant, data=data)


def quantize_bias(tensor: Tensor, input_scale: float, weights: Tensor, dtype: str = "int32") -> Tensor:
    """``tensor`` as ``dtype`` (int64 beside int16 activations) at input scale × weight scale.

    Raises:
        BadFileError: a value does not fit, which :func:`quantize_weights` prevents unless the value is not finite.
    """
    quantized = weights.quant
    if quantized is None:
        raise BadFileError("weights without scales", where=weights.name)
    scale = (np.float32(input_scale) * quantized.scale).astype(np.float32)
    steps = np.rint(_finite(tensor) / (input_scale * quantized.scale.astype(np.float64)))
    if np.abs(steps).max(initial=0.0) > BIAS_LIMITS[dtype] * 1.01:
        raise BadFileError("bias does not fit int32", where=tensor.name, mend="check the scale of the weights")
    quant = Quantization(scale, np.zeros(scale.size, np.int64), 0 if scale.size > 1 else None)
    return tensor.replace(dtype=dtype, quant=quant, data=steps.astype(dtype))


def quantize_constant(tensor: Tensor, dtype: str = "int8", quant: Quantization | None = None) -> Tensor:
    """A constant operand as asymmetric int8 or symmetric int16, over its own range unless ``quant`` is given."""
    values = _finite(tensor)
    extent = Range(float(values.min()), float(values.max()))
    quant = quant or (symmetric(extent) if dtype == "int16" else affine(extent))
    scale, zero_point = quant.scalar()
    limits = np.iinfo(dtype)
    data = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return tensor.replace(dtype=dtype, quant=quant, data=data)


def _finite(tensor: Tensor) -> np.ndarray:
    values = np.asarray(tensor.data, dtype=np.float64)
    if not np.isfinite(values).all():
        raise BadFileError("weights hold NaN or infinity", where=tensor.name, mend="train the model again")
    return values
