"""Edge operators in TFLite's terms: operator code, version, options, and constants that TFLite takes as inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tflite

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.padding import Axis, NamedPadding, named_padding
from edgekit.export.tflite_op import ACTIVATIONS, TfliteOp, int32_constant, version
from edgekit.export.tflite_products import PRODUCT_WRITERS
from edgekit.export.tflite_recurrent import RECURRENT_WRITERS
from edgekit.export.tflite_resizing import RESIZING_WRITERS
from edgekit.graph.graph import Graph, Node

_PADDINGS = {"SAME": tflite.Padding.SAME, "VALID": tflite.Padding.VALID}


def tflite_op(graph: Graph, node: Node) -> TfliteOp:
    """``node`` as one TFLite operator; explicit paddings must have been taken out (explicit_pads.py).

    Raises:
        UnsupportedOpError: an operator or element type that TFLite cannot express.
    """
    if node.op not in _WRITERS:
        raise UnsupportedOpError(f"operator {node.op!r} cannot be written as TFLite", where=node.name)
    return _WRITERS[node.op](graph, node)


def spatial_axes(graph: Graph, node: Node) -> tuple[Axis, Axis]:
    """Rows and columns of a convolution or pooling node."""
    sizes = graph.tensor(node.inputs[0]).dims[1:3]
    kernel = node.attrs["window"] if "window" in node.attrs else graph.tensor(node.inputs[1]).dims[1:3]
    stride, dilation, pad = node.attrs["stride"], node.attrs.get("dilation", (1, 1)), node.attrs["pad"]
    rows, columns = (Axis(sizes[i], kernel[i], stride[i], dilation[i], (pad[i][0], pad[i][1])) for i in (0, 1))
    return rows, columns


def spatial_padding(graph: Graph, node: Node) -> NamedPadding | None:
    """Name ("SAME" or "VALID") of the paddings of a convolution or pooling node, None where neither fits."""
    return named_padding(*spatial_axes(graph, node))


def _integer(graph: Graph, node: Node) -> bool:
    return graph.tensor(node.inputs[0]).dtype == "int8"


def _wide(graph: Graph, node: Node) -> bool:
    return graph.tensor(node.inputs[0]).dtype == "int16"


def _window_fields(graph: Graph, node: Node) -> dict[str, Any]:
    name = spatial_padding(graph, node)
    if name is None:
        raise UnsupportedOpError(f"padding {node.attrs['pad']} of {node.op}", where=node.name)
    stride = node.attrs["stride"]
    activation = ACTIVATIONS[node.attrs.get("activation", "none")]
    return {
        "Padding": _PADDINGS[name],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "FusedActivationFunction": activation,
    }


def _conv2d(graph: Graph, node: Node) -> TfliteOp:
    height, width = node.attrs["dilation"]
    fields = {**_window_fields(graph, node), "DilationHFactor": height, "DilationWFactor": width}
    grouped = graph.tensor(node.inputs[0]).dims[3] != graph.tensor(node.inputs[1]).dims[3]
    number = 4 if _wide(graph, node) else 6 if grouped else 3 if _integer(graph, node) else 1
    return TfliteOp("CONV_2D", number, _with_bias(node), node.outputs, "Conv2DOptions", fields)


def _depthwise_conv2d(graph: Graph, node: Node) -> TfliteOp:
    height, width = node.attrs["dilation"]
    fields = {
        **_window_fields(graph, node),
        "DepthMultiplier": node.attrs["multiplier"],
        "DilationHFactor": height,
        "DilationWFactor": width,
    }
    number = 5 if _wide(graph, node) else 3 if _integer(graph, node) else 2 if (height, width) != (1, 1) else 1
    return TfliteOp("DEPTHWISE_CONV_2D", number, _with_bias(node), node.outputs, "DepthwiseConv2DOptions", fields)


def _fully_connected(graph: Graph, node: Node) -> TfliteOp:
    keep = bool(node.attrs["keep_dims"])
    inputs = _with_bias(node)
    number = 6 if len(inputs) == 2 else 5 if keep else 4 if _integer(graph, node) else 1
    number = 7 if _wide(graph, node) else number
    fields = {
        "FusedActivationFunction": ACTIVATIONS[node.attrs.get("activation", "none")],
        "KeepNumDims": keep,
    }
    return TfliteOp("FULLY_CONNECTED", number, inputs, node.outputs, "FullyConnectedOptions", fields)


def _pool2d(code: str) -> Callable[[Graph, Node], TfliteOp]:
    def write(graph: Graph, node: Node) -> TfliteOp:
        height, width = node.attrs["window"]
        fields = {**_window_fields(graph, node), "FilterHeight": height, "FilterWidth": width}
        return TfliteOp(code, version(graph, node, code), node.inputs, node.outputs, "Pool2DOptions", fields)

    return write


def _reduction(graph: Graph, node: Node) -> TfliteOp:
    axes = int32_constant(f"{node.name}/axes", node.attrs["axes"])
    fields = {"KeepDims": bool(node.attrs["keep_dims"])}
    inputs = (node.inputs[0], axes.name)
    code = node.op.upper()
    return TfliteOp(code, version(graph, node, code), inputs, node.outputs, "ReducerOptions", fields, (axes,))


def _sum(code: str, options: str) -> Callable[[Graph, Node], TfliteOp]:
    def write(graph: Graph, node: Node) -> TfliteOp:
        fields: dict[str, Any] = {"FusedActivationFunction": ACTIVATIONS[node.attrs.get("activation", "none")]}
        if _wide(graph, node):
            fields["PotScaleInt16"] = False  # any scales, not only powers of two
        return TfliteOp(code, version(graph, node, code), node.inputs, node.outputs, options, fields)

    return write


def _mul(graph: Graph, node: Node) -> TfliteOp:
    number = version(graph, node, "MUL")
    if _integer(graph, node):
        first, second, output = (graph.tensor(name).scale_zero()[0] for name in (*node.inputs, *node.outputs))
        number = 3 if first * second / output >= 1 else 2
    fields = {"FusedActivationFunction": ACTIVATIONS[node.attrs.get("activation", "none")]}
    return TfliteOp("MUL", number, node.inputs, node.outputs, "MulOptions", fields)


def _pad(graph: Graph, node: Node) -> TfliteOp:
    pads = int32_constant(f"{node.name}/pads", node.attrs["pads"])
    inputs = (node.inputs[0], pads.name)
    return TfliteOp("PAD", version(graph, node, "PAD"), inputs, node.outputs, "PadOptions", {}, (pads,))


def _reshape(graph: Graph, node: Node) -> TfliteOp:
    shape = int32_constant(f"{node.name}/shape", graph.tensor(node.outputs[0]).dims)
    fields = {"NewShape": graph.tensor(node.outputs[0]).dims}
    return TfliteOp("RESHAPE", 1, (node.inputs[0], shape.name), node.outputs, "ReshapeOptions", fields, (shape,))


def _transpose(graph: Graph, node: Node) -> TfliteOp:
    perm = int32_constant(f"{node.name}/perm", node.attrs["perm"])
    inputs = (node.inputs[0], perm.name)
    number = version(graph, node, "TRANSPOSE")
    return TfliteOp("TRANSPOSE", number, inputs, node.outputs, "TransposeOptions", {}, (perm,))


def _slice(graph: Graph, node: Node) -> TfliteOp:
    """SLICE, or STRIDED_SLICE where elements are left out in between."""
    begin, size, stride = (node.attrs[key] for key in ("begin", "size", "stride"))
    code, options, rows = "SLICE", "SliceOptions", {"begin": begin, "size": size}
    if any(step != 1 for step in stride):
        end = tuple(b + (s - 1) * t + 1 for b, s, t in zip(begin, size, stride, strict=True))
        code, options, rows = "STRIDED_SLICE", "StridedSliceOptions", {"begin": begin, "end": end, "stride": stride}
    constants = tuple(int32_constant(f"{node.name}/{key}", row) for key, row in rows.items())
    inputs = (node.inputs[0], *(tensor.name for tensor in constants))
    return TfliteOp(code, version(graph, node, code), inputs, node.outputs, options, {}, constants)


def _concat(graph: Graph, node: Node) -> TfliteOp:
    fields = {"Axis": node.attrs["axis"], "FusedActivationFunction": ACTIVATIONS["none"]}
    number = version(graph, node, "CONCATENATION")
    return TfliteOp("CONCATENATION", number, node.inputs, node.outputs, "ConcatenationOptions", fields)


def _softmax(graph: Graph, node: Node) -> TfliteOp:
    fields = {"Beta": float(node.attrs.get("beta", 1.0))}
    return TfliteOp("SOFTMAX", version(graph, node, "SOFTMAX"), node.inputs, node.outputs, "SoftmaxOptions", fields)


def _elementwise(code: str, options: str = "") -> Callable[[Graph, Node], TfliteOp]:
    def write(graph: Graph, node: Node) -> TfliteOp:
        return TfliteOp(code, version(graph, node, code), node.inputs, node.outputs, options)

    return write


def _leaky_relu(graph: Graph, node: Node) -> TfliteOp:
    fields = {"Alpha": float(node.attrs["alpha"])}
    return TfliteOp(
        "LEAKY_RELU", version(graph, node, "LEAKY_RELU"), node.inputs, node.outputs, "LeakyReluOptions", fields
    )


def _prelu(graph: Graph, node: Node) -> TfliteOp:
    return TfliteOp("PRELU", 1, node.inputs, node.outputs)


def _hard_swish(graph: Graph, node: Node) -> TfliteOp:
    return TfliteOp("HARD_SWISH", 1, node.inputs, node.outputs, "HardSwishOptions")


_WRITERS: dict[str, Callable[[Graph, Node], TfliteOp]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "fully_connected": _fully_connected,
    "avg_pool2d": _pool2d("AVERAGE_POOL_2D"),
    "max_pool2d": _pool2d("MAX_POOL_2D"),
    "mean": _reduction,
    "sum": _reduction,
    "add": _sum("ADD", "AddOptions"),
    "sub": _sum("SUB", "SubOptions"),
    "mul": _mul,
    "pad": _pad,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concat": _concat,
    "softmax": _softmax,
    "relu": _elementwise("RELU"),
    "relu6": _elementwise("RELU6"),
    "logistic": _elementwise("LOGISTIC"),
    "tanh": _elementwise("TANH"),
    "leaky_relu": _leaky_relu,
    "hard_swish": _hard_swish,
    "rsqrt": _elementwise("RSQRT"),
    "prelu": _prelu,
    **PRODUCT_WRITERS,
    **RESIZING_WRITERS,
    **RECURRENT_WRITERS,
    "quantize": _elementwise("QUANTIZE", "QuantizeOptions"),
    "dequantize": _elementwise("DEQUANTIZE", "DequantizeOptions"),
}


def _with_bias(node: Node) -> tuple[str, ...]:
    return node.inputs if len(node.inputs) > 2 and node.inputs[2] else node.inputs[:2]
