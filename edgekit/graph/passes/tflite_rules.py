"""What each TFLite operator is in the edge dialect: one small rule an operator, collected in ``RULES``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.passes.tflite_functions import FUNCTIONS
from edgekit.graph.passes.tflite_lookup import TABLE_LOOKUP
from edgekit.graph.passes.tflite_moves import MOVES
from edgekit.graph.passes.tflite_recurrent import RECURRENT
from edgekit.graph.passes.tflite_rule import Lowered, Pads, Rule, State, fused_activation, option
from edgekit.graph.tensor import Tensor


def dequantize(tensor: Tensor) -> np.ndarray:
    """A quantized constant's real values as float32: scale × (q − zero_point)."""
    if tensor.data is None or tensor.quant is None:
        raise BadFileError("is no quantized constant", where=tensor.name)
    shape = [1] * len(tensor.shape)
    if tensor.quant.axis is not None:
        shape[tensor.quant.axis] = -1
    scale, zero = tensor.quant.scale.reshape(shape), tensor.quant.zero_point.reshape(shape)
    if not tensor.shape:
        scale, zero = scale.reshape(()), zero.reshape(())
    result: np.ndarray = ((tensor.data.astype(np.int64) - zero).astype(np.float32) * scale).astype(np.float32)
    return result


def same_pads(size: int, window: int, stride: int, dilation: int = 1) -> Pads:
    """TensorFlow's SAME padding along one axis (odd pixel at the end)."""
    reach = (window - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _window(node: Node, x: tuple[int, ...], window: Pads) -> dict[str, Any]:
    """stride, dilation and pad of a sliding window, from TFLite's options."""
    stride: Pads = (option(node, "stride_h"), option(node, "stride_w"))
    dilation: Pads = (node.attrs.get("dilation_h_factor", 1), node.attrs.get("dilation_w_factor", 1))
    if min(*stride, *dilation, *window) < 1 or max(*dilation, *window) > 2**16:
        raise BadFileError("window, stride and dilation must be positive and below 65,537", where=node.name)
    if option(node, "padding") not in ("SAME", "VALID"):
        raise BadFileError(f"unknown padding {node.attrs['padding']}", where=node.name)
    pads: tuple[Pads, Pads] = ((0, 0), (0, 0))
    if node.attrs["padding"] == "SAME":
        pads = (
            same_pads(x[1], window[0], stride[0], dilation[0]),
            same_pads(x[2], window[1], stride[1], dilation[1]),
        )
    return {"stride": stride, "dilation": dilation, "pad": pads, "activation": fused_activation(node)}


def _weighted_inputs(node: Node, state: State) -> tuple[str, str, str]:
    if len(node.inputs) not in (2, 3) or not all(node.inputs[:2]):
        raise BadFileError(f"{node.op} needs an input, weights and perhaps a bias", where=node.name)
    x, weights = node.inputs[:2]
    bias = node.inputs[2] if len(node.inputs) == 3 else ""
    return x, state.float_operand(weights, x), state.float_operand(bias, x)


def _conv2d(node: Node, state: State) -> Lowered:
    inputs = _weighted_inputs(node, state)
    x, w = state.dims(inputs[0], 4), state.dims(inputs[1], 4)
    return "conv2d", _window(node, x, (w[1], w[2])), inputs


def _depthwise(node: Node, state: State) -> Lowered:
    inputs = _weighted_inputs(node, state)
    x, w = state.dims(inputs[0], 4), state.dims(inputs[1], 4)
    attrs = _window(node, x, (w[1], w[2]))
    # Like the runtimes, the multiplier is taken from the shapes; the option of that name may be 0 in old files.
    return "depthwise_conv2d", {**attrs, "multiplier": w[3] // max(x[3], 1)}, inputs


def _fully_connected(node: Node, state: State) -> Lowered:
    if node.attrs.get("weights_format", 0) != 0:
        raise UnsupportedOpError(
            "FULLY_CONNECTED with shuffled weights", where=node.name, mend="convert the model again"
        )
    attrs = {"activation": fused_activation(node), "keep_dims": bool(node.attrs.get("keep_num_dims", False))}
    return "fully_connected", attrs, _weighted_inputs(node, state)


def _pool(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        x = state.dims(node.inputs[0], 4)
        window: Pads = (option(node, "filter_height"), option(node, "filter_width"))
        attrs = _window(node, x, window)
        del attrs["dilation"]
        return op, {**attrs, "window": window}, node.inputs[:1]

    return rule


def _reduction(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        rank = len(state.dims(node.inputs[0]))
        listed = state.axes(node, 1)
        if any(not -rank <= axis < rank for axis in listed):
            raise BadFileError(f"{node.op} over axes {listed} of rank {rank}", where=node.name)
        axes = tuple(sorted({axis % rank for axis in listed}))
        return op, {"axes": axes, "keep_dims": bool(node.attrs.get("keep_dims", False))}, node.inputs[:1]

    return rule


def _binary(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        if len(node.inputs) != 2 or not all(node.inputs):
            raise BadFileError(f"{node.op} needs two inputs", where=node.name)
        return op, {"activation": fused_activation(node)}, node.inputs

    return rule


def _plain(op: str) -> Rule:
    return lambda node, state: (op, {}, node.inputs[:1])


def _leaky_relu(node: Node, state: State) -> Lowered:
    alpha = float(option(node, "alpha"))
    if not 0 <= alpha <= 1:
        raise UnsupportedOpError(f"LEAKY_RELU with alpha {alpha:g}", where=node.name)
    return "leaky_relu", {"alpha": alpha}, node.inputs[:1]


def _prelu(node: Node, state: State) -> Lowered:
    if len(node.inputs) != 2 or not all(node.inputs):
        raise BadFileError("PRELU needs an input and slopes", where=node.name)
    return "prelu", {}, (node.inputs[0], state.float_operand(node.inputs[1], node.inputs[0]))


def _softmax(node: Node, state: State) -> Lowered:
    return "softmax", {"beta": float(option(node, "beta"))}, node.inputs[:1]


def _batch_matmul(node: Node, state: State) -> Lowered:
    if len(node.inputs) != 2 or not all(node.inputs):
        raise BadFileError("BATCH_MATMUL needs two inputs", where=node.name)
    return "batch_matmul", {key: bool(node.attrs.get(key, False)) for key in ("adj_x", "adj_y")}, node.inputs


def _pair(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        if len(node.inputs) != 2 or not all(node.inputs):
            raise BadFileError(f"{node.op} needs two inputs", where=node.name)
        return op, {}, node.inputs

    return rule


RULES: Mapping[str, Rule] = {
    "CONV_2D": _conv2d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool("avg_pool2d"),
    "MAX_POOL_2D": _pool("max_pool2d"),
    "MEAN": _reduction("mean"),
    "SUM": _reduction("sum"),
    "ADD": _binary("add"),
    "SUB": _binary("sub"),
    "MUL": _binary("mul"),
    "RESHAPE": _plain("reshape"),
    "SQUEEZE": _plain("reshape"),
    "EXPAND_DIMS": _plain("reshape"),
    "SOFTMAX": _softmax,
    "RELU": _plain("relu"),
    "RELU6": _plain("relu6"),
    "LOGISTIC": _plain("logistic"),
    "TANH": _plain("tanh"),
    "LEAKY_RELU": _leaky_relu,
    "HARD_SWISH": _plain("hard_swish"),
    "RSQRT": _plain("rsqrt"),
    "BATCH_MATMUL": _batch_matmul,
    "MINIMUM": _pair("minimum"),
    "MAXIMUM": _pair("maximum"),
    "SQUARED_DIFFERENCE": _pair("squared_difference"),
    "PRELU": _prelu,
    TABLE_LOOKUP: lambda node, state: ("lookup", {}, node.inputs),
    "QUANTIZE": _plain("quantize"),
    "DEQUANTIZE": _plain("dequantize"),
    **MOVES,
    **RECURRENT,
    **FUNCTIONS,
}
"""TFLite operator to its rule."""
