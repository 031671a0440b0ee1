"""The arithmetic that conv2d, depthwise_conv2d and fully_connected share: exact sums, then requantization."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_wide,
    wrap_int32,
)
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.integer.params_rescale import multiplied, multiplier_of
from edgekit.graph.integer.rescale import LIMITS, fused_clamp, input_output
from edgekit.graph.rounding import Rounding, rounding_of
from edgekit.graph.tensor import Quantization, Tensor

_EXACT_FLOAT32 = 1 << 24


def prepare_accumulate(graph: Graph, node: Node, channel_axis: int) -> Accumulate:
    """Parameters of a node with inputs (x, weights, bias or "").

    Args:
        graph: integer edge graph.
        node: conv2d, depthwise_conv2d or fully_connected.
        channel_axis: axis of the weights that is the output channel.

    Raises:
        UnsupportedOpError: weights or bias of another element type, or not constant.
        BadFileError: no scales, a weight zero point that is not 0, wrong numbers of scales.
    """
    source, output = input_output(graph, node)
    if source.dtype != output.dtype:
        raise UnsupportedOpError(f"{node.op} from {source.dtype} to {output.dtype}", where=node.name)
    weights = _weights(graph, node, channel_axis)
    channels = weights.dims[channel_axis]
    rounding = rounding_of(graph)
    multiplier, shift = _multipliers(source, weights, output, channels, rounding)
    wide = source.dtype == "int16"
    bias = _bias(graph, node, channels, "int64" if wide else "int32")
    _, zero_in = source.scale_zero()
    _, zero_out = output.scale_zero()
    data = np.ascontiguousarray(weights.data, dtype=np.int8)
    flat = np.moveaxis(data, channel_axis, 0).reshape(channels, -1).astype(np.int64)
    low, high = LIMITS[source.dtype]
    largest_input = max(high - zero_in, zero_in - low)
    bound = int(np.abs(flat).sum(axis=1).max(initial=0)) * largest_input
    return Accumulate(
        weights=data,
        bias=bias,
        folded_bias=bias if wide else wrap_int32(bias - zero_in * flat.sum(axis=1)).astype(np.int32),
        multiplier=multiplier,
        shift=shift,
        per_channel=not _quant_of(weights).per_tensor and _quant_of(weights).scale.size > 1,
        input_zero_point=zero_in,
        output_zero_point=zero_out,
        clamp=fused_clamp(node.attrs.get("activation", "none"), output),
        exact_in_float32=bound < _EXACT_FLOAT32,
        rounding=rounding,
    )


def float_dtype(arithmetic: Accumulate) -> type[np.floating]:
    """The narrowest float whose arithmetic is exact for these sums (float64 is up to 2⁵³)."""
    return np.float32 if arithmetic.exact_in_float32 else np.float64


def requantize(arithmetic: Accumulate, sums: np.ndarray) -> np.ndarray:
    """Outputs from exact sums Σ w·(x − zero_point), any shape [..., O], float or integer."""
    multiplier, shift = arithmetic.multiplier.astype(np.int64), arithmetic.shift.astype(np.int64)
    if arithmetic.clamp.dtype == "int16":
        return arithmetic.clamp(multiply_wide(sums.astype(np.int64) + arithmetic.bias, multiplier, shift))
    total = wrap_int32(sums.astype(np.int64) + arithmetic.bias)
    scaled = multiplied(total, multiplier, shift, arithmetic.rounding)
    return arithmetic.clamp(scaled + arithmetic.output_zero_point)


def _quant_of(tensor: Tensor) -> Quantization:
    if tensor.quant is None:
        raise BadFileError("integer weights without quantization parameters", where=tensor.name)
    return tensor.quant


def _weights(graph: Graph, node: Node, channel_axis: int) -> Tensor:
    weights = graph.node_inputs(node)[1]
    if weights is None or weights.data is None:
        raise UnsupportedOpError(f"{node.op} with weights that are not constant", where=node.name)
    if weights.dtype != "int8":
        raise UnsupportedOpError(
            f"{node.op} with {weights.dtype} weights", where=node.name, mend="quantize the model to int8"
        )
    quant = _quant_of(weights)
    if np.any(quant.zero_point != 0):
        raise UnsupportedOpError("weights with a zero point other than 0", where=weights.name)
    if not quant.per_tensor and (quant.axis != channel_axis or quant.scale.size not in (1, weights.dims[channel_axis])):
        raise BadFileError(
            f"{quant.scale.size} weight scales on axis {quant.axis}; {node.op} has "
            f"{weights.dims[channel_axis]} channels on axis {channel_axis}",
            where=weights.name,
        )
    return weights


def _bias(graph: Graph, node: Node, channels: int, dtype: str) -> np.ndarray:
    inputs = graph.node_inputs(node)
    bias = inputs[2] if len(inputs) > 2 else None
    if bias is None:
        return np.zeros(channels, dtype=dtype)
    if bias.data is None or bias.dtype != dtype or bias.elements != channels:
        raise UnsupportedOpError(f"bias must be constant {dtype}, one value a channel", where=node.name)
    values = bias.data.reshape(-1).astype(np.int64)
    if dtype == "int32" and (values.min(initial=0) < INT32_MIN or values.max(initial=0) > INT32_MAX):
        raise BadFileError("bias does not fit int32", where=bias.name)
    return values.astype(dtype)


def _multipliers(
    source: Tensor, weights: Tensor, output: Tensor, channels: int, rounding: Rounding
) -> tuple[np.ndarray, np.ndarray]:
    scale_in, _ = source.scale_zero()
    scale_out, _ = output.scale_zero()
    scales = np.broadcast_to(_quant_of(weights).scale, (channels,))
    pairs = []
    for scale in scales:
        pairs.append(multiplier_of(scale_in * float(scale) / scale_out, rounding))
    table = np.array(pairs, dtype=np.int64).reshape(channels, 2)
    return table[:, 0].astype(np.int32), table[:, 1].astype(np.int32)
