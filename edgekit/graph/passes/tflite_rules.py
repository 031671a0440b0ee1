"""What each TFLite operator is in the edge dialect: one small rule an operator, collected in ``RULES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.passes.tflite_lookup import TABLE_LOOKUP
from edgekit.graph.tensor import Tensor

Pads = tuple[int, int]
Lowered = tuple[str, dict[str, Any], tuple[str, ...]]
"""Edge operator, its attributes, its inputs."""
ACTIVATIONS = {"NONE": "none", "RELU": "relu", "RELU6": "relu6"}


class State(Protocol):
    """What a rule may ask the walk (lower_tflite.py) for."""

    def dims(self, name: str, rank: int | None = None) -> tuple[int, ...]:
        """Static shape of a tensor, of rank ``rank`` if given."""

    def axes(self, node: Node, position: int) -> list[int]:
        """A constant integer input of ``node`` as a flat list."""

    def float_operand(self, name: str, like: str) -> str:
        """``name``, turned into a float32 constant if the activations ``like`` are float."""


Rule = Callable[[Node, State], Lowered]


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
    return ((tensor.data.astype(np.int64) - zero).astype(np.float32) * scale).astype(np.float32)


def _attr(node: Node, key: str) -> Any:
    if key not in node.attrs:
        raise BadFileError(f"{node.op} without its option {key}", where=node.name, mend="export the model again")
    return node.attrs[key]


def _activation(node: Node) -> str:
    name = node.attrs.get("fused_activation_function", "NONE")
    if name not in ACTIVATIONS:
        raise UnsupportedOpError(f"fused activation {name}", where=node.name, mend="use RELU or RELU6")
    return ACTIVATIONS[name]


def same_pads(size: int, window: int, stride: int, dilation: int = 1) -> Pads:
    """TensorFlow's SAME padding along one axis (odd pixel at the end)."""
    reach = (window - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _window(node: Node, x: tuple[int, ...], window: Pads) -> dict[str, Any]:
    """stride, dilation and pad of a sliding window, from TFLite's options."""
    stride: Pads = (_attr(node, "stride_h"), _attr(node, "stride_w"))
    dilation: Pads = (node.attrs.get("dilation_h_factor", 1), node.attrs.get("dilation_w_factor", 1))
    if min(*stride, *dilation, *window) < 1 or max(*dilation, *window) > 2**16:
        raise BadFileError("window, stride and dilation must be positive and below 65,537", where=node.name)
    if _attr(node, "padding") not in ("SAME", "VALID"):
        raise BadFileError(f"unknown padding {node.attrs['padding']}", where=node.name)
    pads: tuple[Pads, Pads] = ((0, 0), (0, 0))
    if node.attrs["padding"] == "SAME":
        pads = (
            same_pads(x[1], window[0], stride[0], dilation[0]),
            same_pads(x[2], window[1], stride[1], dilation[1]),
        )
    return {"stride": stride, "dilation": dilation, "pad": pads, "activation": _activation(node)}


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
    attrs = {"activation": _activation(node), "keep_dims": bool(node.attrs.get("keep_num_dims", False))}
    return "fully_connected", attrs, _weighted_inputs(node, state)


def _pool(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        x = state.dims(node.inputs[0], 4)
        window: Pads = (_attr(node, "filter_height"), _attr(node, "filter_width"))
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
        return op, {"activation": _activation(node)}, node.inputs

    return rule


def _pad(node: Node, state: State) -> Lowered:
    flat = state.axes(node, 1)
    if len(flat) != 2 * len(state.dims(node.inputs[0])):
        raise BadFileError("PAD needs a pair of paddings an axis", where=node.name)
    return "pad", {"pads": tuple(zip(flat[::2], flat[1::2], strict=True))}, node.inputs[:1]


def _transpose(node: Node, state: State) -> Lowered:
    return "transpose", {"perm": tuple(state.axes(node, 1))}, node.inputs[:1]


def _slice(node: Node, state: State) -> Lowered:
    dims, begin, size = state.dims(node.inputs[0]), state.axes(node, 1), state.axes(node, 2)
    if not len(dims) == len(begin) == len(size):
        raise BadFileError("SLICE needs a begin and a size an axis", where=node.name)
    whole = tuple(d - b if s == -1 else s for d, b, s in zip(dims, begin, size, strict=True))
    return "slice", {"begin": tuple(begin), "size": whole, "stride": (1,) * len(dims)}, node.inputs[:1]


def _strided_slice(node: Node, state: State) -> Lowered:
    dims = state.dims(node.inputs[0])
    begin, end, stride = (state.axes(node, position) for position in (1, 2, 3))
    if not len(begin) == len(end) == len(stride) <= len(dims) or min(stride, default=1) < 1:
        raise UnsupportedOpError("STRIDED_SLICE with a stride below 1", where=node.name)
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "offset")
    if any(node.attrs.get(key, 0) for key in masks):
        raise UnsupportedOpError("STRIDED_SLICE that adds or drops axes", where=node.name, mend="keep the rank")
    rows = []
    for axis, dim in enumerate(dims):
        first, last, step = (row[axis] if axis < len(row) else None for row in (begin, end, stride))
        first = None if node.attrs.get("begin_mask", 0) >> axis & 1 else first
        last = None if node.attrs.get("end_mask", 0) >> axis & 1 else last
        covered = range(dim)[slice(first, last, step)]
        rows.append((covered.start, len(covered), covered.step))
    starts, sizes, steps = zip(*rows, strict=True)
    return "slice", {"begin": starts, "size": sizes, "stride": steps}, node.inputs[:1]


def split_parts(node: Node, state: State) -> list[Lowered]:
    """SPLIT and SPLIT_V as a slice for every output, in order."""
    source, axis_input = (node.inputs[1], 0) if node.op == "SPLIT" else (node.inputs[0], 2)
    dims, axes = state.dims(source), state.axes(node, axis_input)
    if len(axes) != 1 or not -len(dims) <= axes[0] < len(dims):
        raise BadFileError(f"{node.op} along {axes}", where=node.name)
    axis, count = axes[0] % len(dims), len(node.outputs)
    sizes = [dims[axis] // count] * count if node.op == "SPLIT" else state.axes(node, 1)
    if len(sizes) != count or sum(sizes) != dims[axis]:
        raise BadFileError(f"{node.op} of {dims[axis]} into {sizes}", where=node.name)
    parts: list[Lowered] = []
    for index, size in enumerate(sizes):
        begin = tuple(sum(sizes[:index]) if i == axis else 0 for i in range(len(dims)))
        attrs = {"begin": begin, "size": (*dims[:axis], size, *dims[axis + 1 :]), "stride": (1,) * len(dims)}
        parts.append(("slice", attrs, (source,)))
    return parts


def _concat(node: Node, state: State) -> Lowered:
    rank = len(state.dims(node.inputs[0]))
    axis = _attr(node, "axis")
    if _activation(node) != "none" or not -rank <= axis < rank:
        raise UnsupportedOpError(f"CONCATENATION along {axis}, or with an activation", where=node.name)
    return "concat", {"axis": axis % rank}, node.inputs


def _plain(op: str) -> Rule:
    return lambda node, state: (op, {}, node.inputs[:1])


def _leaky_relu(node: Node, state: State) -> Lowered:
    alpha = float(_attr(node, "alpha"))
    if not 0 <= alpha <= 1:
        raise UnsupportedOpError(f"LEAKY_RELU with alpha {alpha:g}", where=node.name)
    return "leaky_relu", {"alpha": alpha}, node.inputs[:1]


def _softmax(node: Node, state: State) -> Lowered:
    return "softmax", {"beta": float(_attr(node, "beta"))}, node.inputs[:1]


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


def _resize(op: str) -> Rule:
    def rule(node: Node, state: State) -> Lowered:
        size = state.axes(node, 1)
        if len(size) != 2 or min(size) < 1 or max(size) > 2**16:
            raise BadFileError(f"{node.op} to {size}", where=node.name)
        flags = {"align_corners": "align_corners", "half_pixel": "half_pixel_centers"}
        attrs = {key: bool(node.attrs.get(option, False)) for key, option in flags.items()}
        return op, {"size": tuple(size), **attrs}, node.inputs[:1]

    return rule


def _mirror_pad(node: Node, state: State) -> Lowered:
    _, attrs, inputs = _pad(node, state)
    modes = {0: "reflect", "REFLECT": "reflect", 1: "symmetric", "SYMMETRIC": "symmetric"}
    mode = _attr(node, "mode")
    if mode not in modes:
        raise BadFileError(f"MIRROR_PAD in mode {mode}", where=node.name)
    return "mirror_pad", {**attrs, "mode": modes[mode]}, inputs


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
    "PAD": _pad,
    "TRANSPOSE": _transpose,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "CONCATENATION": _concat,
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
    "RESIZE_NEAREST_NEIGHBOR": _resize("resize_nearest"),
    "RESIZE_BILINEAR": _resize("resize_bilinear"),
    "MIRROR_PAD": _mirror_pad,
    TABLE_LOOKUP: lambda node, state: ("lookup", {}, node.inputs),
    "QUANTIZE": _plain("quantize"),
    "DEQUANTIZE": _plain("dequantize"),
}
