"""Edge operators as float ONNX operators over dequantized values.

Activations of rank 4 are NCHW here and NHWC in the graph; those of other ranks keep their order. Each function reads
the float names of its inputs and returns the float name of its result, not yet quantized.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.export.onnx_layout import TO_NCHW, as_nchw, as_nhwc
from edgekit.export.qdq_emit import Emit
from edgekit.export.qdq_products import PRODUCTS
from edgekit.export.qdq_recurrent import RECURRENT
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.rescale import RELU6_MAX
from edgekit.graph.ops import BINARY_OPS


def emit(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    """Append ``node``; ``inputs`` are float ONNX names ("" where absent), the result is one."""
    result = _EMIT[node.op](builder, graph, node, inputs)
    return _activation(builder, node, result)


def _activation(builder: OnnxBuilder, node: Node, x: str) -> str:
    kind = {"relu": "relu", "relu6": "relu6"}.get(node.op, node.attrs.get("activation", "none"))
    if kind == "relu":
        return builder.node("Relu", [x], f"{node.name}/relu")
    if kind == "relu6":
        low = builder.constant(f"{node.name}/low", np.array(0, np.float32))
        high = builder.constant(f"{node.name}/high", np.array(RELU6_MAX, np.float32))
        return builder.node("Clip", [x, low, high], f"{node.name}/relu6")
    return x


def _window(node: Node) -> dict[str, Any]:
    (top, bottom), (left, right) = node.attrs["pad"]
    return {"pads": [top, left, bottom, right], "strides": list(node.attrs["stride"])}


def _conv(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    kernel, channels = graph.tensor(node.inputs[1]).dims, graph.tensor(node.inputs[0]).dims[3]
    group = channels if node.op == "depthwise_conv2d" else channels // kernel[3]
    attributes = {**_window(node), "dilations": list(node.attrs["dilation"]), "kernel_shape": list(kernel[1:3])}
    return builder.node("Conv", [name for name in inputs if name], f"{node.name}/conv", group=group, **attributes)


def _fully_connected(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    columns = graph.tensor(node.inputs[1]).dims[1]
    output = graph.tensor(node.outputs[0]).dims
    x = as_nhwc(builder, inputs[0], len(graph.tensor(node.inputs[0]).dims), node.name)
    if len(graph.tensor(node.inputs[0]).dims) != 2 or graph.tensor(node.inputs[0]).dims[1] != columns:
        x = _reshaped(builder, x, (-1, columns), f"{node.name}/rows")
    result = builder.node("Gemm", [x, *filter(None, inputs[1:])], f"{node.name}/gemm", transB=1)
    if len(output) == 2:
        return result
    return as_nchw(builder, _reshaped(builder, result, output, f"{node.name}/dims"), len(output), node.name)


def _avg_pool(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    attributes = {**_window(node), "kernel_shape": list(node.attrs["window"]), "count_include_pad": 0}
    return builder.node("AveragePool", inputs, f"{node.name}/pool", **attributes)


def _max_pool(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    return builder.node(
        "MaxPool", inputs, f"{node.name}/pool", kernel_shape=list(node.attrs["window"]), **_window(node)
    )


def _mean(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    rank, axes, keep = len(graph.tensor(node.inputs[0]).dims), list(node.attrs["axes"]), bool(node.attrs["keep_dims"])
    if rank == 4 and (keep or axes == [1, 2]):
        axes = sorted(TO_NCHW.index(axis) for axis in axes)
        return builder.node("ReduceMean", inputs, f"{node.name}/mean", axes=axes, keepdims=int(keep))
    x = as_nhwc(builder, inputs[0], rank, node.name)
    result = builder.node("ReduceMean", [x], f"{node.name}/mean", axes=axes, keepdims=int(keep))
    return as_nchw(builder, result, len(graph.tensor(node.outputs[0]).dims), node.name)


def _sum(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    source, output = (len(graph.tensor(name).dims) for name in (node.inputs[0], node.outputs[0]))
    axes = builder.constant(f"{node.name}/axes", np.array(node.attrs["axes"], np.int64))
    x = as_nhwc(builder, inputs[0], source, node.name)
    result = builder.node("ReduceSum", [x, axes], f"{node.name}/sum", keepdims=int(node.attrs["keep_dims"]))
    return as_nchw(builder, result, output, node.name)


def _binary(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    kind = node.op.capitalize()
    rank = len(graph.tensor(node.outputs[0]).dims)
    if rank != 4:
        return builder.node(kind, inputs, f"{node.name}/{node.op}")
    names = []
    for name, source in zip(inputs, node.inputs, strict=True):
        dims = graph.tensor(source).dims
        if len(dims) != 4:
            # numpy broadcasting counts axes from the last, which is C in the graph and W here.
            name = _reshaped(builder, name, (*(1,) * (4 - len(dims)), *dims), f"{node.name}/rank4")
            name = as_nchw(builder, name, 4, node.name)
        names.append(name)
    return builder.node(kind, names, f"{node.name}/{node.op}")


def _pad(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    pads = list(node.attrs["pads"])
    if len(pads) == 4:
        pads = [pads[axis] for axis in TO_NCHW]
    values = np.array([before for before, _ in pads] + [after for _, after in pads], dtype=np.int64)
    return builder.node("Pad", [inputs[0], builder.constant(f"{node.name}/pads", values)], f"{node.name}/pad")


def _reshape(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    dims = graph.tensor(node.outputs[0]).dims
    x = as_nhwc(builder, inputs[0], len(graph.tensor(node.inputs[0]).dims), node.name)
    return as_nchw(builder, _reshaped(builder, x, dims, f"{node.name}/reshape"), len(dims), node.name)


def _transpose(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    perm = list(node.attrs["perm"])
    x = as_nhwc(builder, inputs[0], len(perm), node.name)
    return as_nchw(builder, builder.node("Transpose", [x], f"{node.name}/moved", perm=perm), len(perm), node.name)


def _slice(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    rows = zip(*(node.attrs[key] for key in ("begin", "size", "stride")), strict=True)
    parts = [(first, first + (size - 1) * step + 1, step) for first, size, step in rows]
    parts = [parts[axis] for axis in TO_NCHW] if len(parts) == 4 else parts
    starts, ends, steps = zip(*parts, strict=True)
    lists = {"starts": starts, "ends": ends, "axes": range(len(parts)), "steps": steps}
    names = [builder.constant(f"{node.name}/{key}", np.array(row, np.int64)) for key, row in lists.items()]
    return builder.node("Slice", [inputs[0], *names], f"{node.name}/slice")


def _concat(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    axis = node.attrs["axis"]
    if len(graph.tensor(node.outputs[0]).dims) == 4:
        axis = TO_NCHW.index(axis)
    return builder.node("Concat", inputs, f"{node.name}/concat", axis=axis)


def _softmax(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    x, beta = inputs[0], float(node.attrs.get("beta", 1.0))
    if beta != 1.0:
        x = builder.node(
            "Mul", [x, builder.constant(f"{node.name}/beta", np.array(beta, np.float32))], f"{node.name}/scaled"
        )
    axis = 1 if len(graph.tensor(node.inputs[0]).dims) == 4 else -1
    return builder.node("Softmax", [x], f"{node.name}/softmax", axis=axis)


def _function(kind: str) -> Emit:
    def write(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
        return builder.node(kind, inputs, f"{node.name}/{node.op}")

    return write


def _leaky_relu(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    return builder.node("LeakyRelu", inputs, f"{node.name}/leaky_relu", alpha=float(node.attrs["alpha"]))


def _rsqrt(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    """1/√x where x is not 0; a 0 gives the end of the output's range."""
    least = builder.constant(f"{node.name}/least", np.array(1e-12, np.float32))
    root = builder.node("Sqrt", [builder.node("Max", [inputs[0], least], f"{node.name}/max")], f"{node.name}/sqrt")
    return builder.node("Reciprocal", [root], f"{node.name}/reciprocal")


def _same(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    return inputs[0]


_EMIT: dict[str, Emit] = {
    "conv2d": _conv,
    "depthwise_conv2d": _conv,
    "fully_connected": _fully_connected,
    "avg_pool2d": _avg_pool,
    "max_pool2d": _max_pool,
    "mean": _mean,
    "sum": _sum,
    **dict.fromkeys(BINARY_OPS, _binary),
    "pad": _pad,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concat": _concat,
    "softmax": _softmax,
    "relu": _same,
    "relu6": _same,
    "logistic": _function("Sigmoid"),
    "tanh": _function("Tanh"),
    "leaky_relu": _leaky_relu,
    "hard_swish": _function("HardSwish"),
    "rsqrt": _rsqrt,
    **PRODUCTS,
    **RECURRENT,
    "quantize": _same,
    "dequantize": _same,
}


def _reshaped(builder: OnnxBuilder, x: str, dims: tuple[int, ...], name: str) -> str:
    return builder.node("Reshape", [x, builder.constant(f"{name}/shape", np.array(dims, dtype=np.int64))], name)
