"""relu, relu6, quantize and dequantize: element by element, rescaling from one int8 range to another."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    round_half_away,
)
from edgekit.graph.integer.params import DequantizeParams, QuantizeParams, RequantizeParams
from edgekit.graph.integer.rescale import activation_tensor, full_clamp, fused_clamp, input_output, to_rescale
from edgekit.graph.rounding import rounding_of


def prepare_relu(graph: Graph, node: Node) -> RequantizeParams:
    """Parameters of one relu node: rescales to the output (the factor is a float32 quotient) and clips at real 0."""
    source, output = input_output(graph, node)
    scale_in, zero_in = source.scale_zero()
    scale_out, zero_out = output.scale_zero()
    factor = float(np.float32(scale_in) / np.float32(scale_out))
    return RequantizeParams(to_rescale(factor, rounding_of(graph)), zero_in, zero_out, fused_clamp("relu", output))


def prepare_relu6(graph: Graph, node: Node) -> RequantizeParams:
    """Parameters of one relu6 node.

    TFLM clips in the input's scale and copies the bytes, whatever the output's scale says; LiteRT rescales. TFLM is
    what runs on the device, so its bytes are the reference. edgekit's own quantizer gives both one scale.
    """
    source, _ = input_output(graph, node)
    zero_point = source.scale_zero()[1]
    return RequantizeParams(None, zero_point, zero_point, fused_clamp("relu6", source))


def requantize(params: RequantizeParams, x: np.ndarray) -> np.ndarray:
    """Integers of one scale to integers of another; int8 by look-up over the 256 values."""
    if x.dtype == np.int16:
        return params.clamp(_rescaled(params, x.astype(np.int64)))
    values = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)
    return params.clamp(_rescaled(params, values))[x.astype(np.int16) - INT8_MIN]


def _rescaled(params: RequantizeParams, values: np.ndarray) -> np.ndarray:
    if params.rescale is None:
        return values
    centred = values - params.input_zero_point
    return params.rescale(centred) + params.output_zero_point


def prepare_quantize(graph: Graph, node: Node) -> QuantizeParams | RequantizeParams:
    """Parameters of one quantize node: from float32, or from int8 or int16 of another scale.

    Raises:
        UnsupportedOpError: another element type.
    """
    source = graph.node_inputs(node)[0]
    output = activation_tensor(graph.tensor(node.outputs[0]), node)
    scale_out, zero_out = output.scale_zero()
    if source is not None and source.dtype == "float32":
        return QuantizeParams(scale_out, zero_out, full_clamp(output))
    scale_in, zero_in = activation_tensor(source, node).scale_zero()
    rescale = to_rescale(scale_in / scale_out, rounding_of(graph))
    return RequantizeParams(rescale, zero_in, zero_out, full_clamp(output))


def quantize(params: QuantizeParams, x: np.ndarray) -> np.ndarray:
    """float32 to integers: x / scale in float32, halves away from zero; out of range saturates."""
    steps = round_half_away(x.astype(np.float32) / np.float32(params.scale))
    return params.clamp(np.clip(steps, -(1 << 30), 1 << 30).astype(np.int64) + params.zero_point)


def prepare_dequantize(graph: Graph, node: Node) -> DequantizeParams:
    """Parameters of one dequantize node.

    Raises:
        UnsupportedOpError: the output is not float32.
    """
    source = activation_tensor(graph.node_inputs(node)[0], node)
    if graph.tensor(node.outputs[0]).dtype != "float32":
        raise UnsupportedOpError("dequantize to another type than float32", where=node.name)
    return DequantizeParams(*source.scale_zero())


def dequantize(params: DequantizeParams, x: np.ndarray) -> np.ndarray:
    """Integers to float32: scale · (q − zero_point)."""
    return (params.scale * (x.astype(np.int64) - params.zero_point)).astype(np.float32)
