"""Which kernel prepares and which one runs each integer operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from edgekit.graph.attention import ATTENTION
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer import (
    activation,
    add,
    attention,
    batch_matmul,
    conv,
    depthwise,
    fully_connected,
    interpolated,
    layout,
    lookup,
    lstm,
    mean,
    mul,
    pairs,
    pool,
    prelu,
    resize,
    softmax,
    svdf,
)
from edgekit.graph.integer.params import (
    LookupParams,
    Params,
    QuantizeParams,
    WideRsqrtParams,
    WideSigmoidParams,
    WideSoftmaxParams,
)


def _by_width(
    narrow: Callable[[Graph, Node], Params], wide: Callable[[Graph, Node], Params]
) -> Callable[[Graph, Node], Params]:
    """One of two ways to prepare a node: for int8, or for int16 input."""

    def prepare_either(graph: Graph, node: Node) -> Params:
        return (wide if graph.tensor(node.inputs[0]).dtype == "int16" else narrow)(graph, node)

    return prepare_either


PREPARE: Mapping[str, Callable[[Graph, Node], Params]] = {
    "conv2d": conv.prepare_conv2d,
    "depthwise_conv2d": depthwise.prepare_depthwise_conv2d,
    "fully_connected": fully_connected.prepare_fully_connected,
    "avg_pool2d": pool.prepare_pool2d,
    "max_pool2d": pool.prepare_pool2d,
    "mean": mean.prepare_mean,
    "sum": mean.prepare_mean,
    "add": add.prepare_add,
    "sub": add.prepare_add,
    "mul": mul.prepare_mul,
    "pad": layout.prepare_pad,
    "reshape": layout.prepare_reshape,
    "transpose": layout.prepare_transpose,
    "slice": layout.prepare_slice,
    "concat": layout.prepare_concat,
    "batch_matmul": batch_matmul.prepare_batch_matmul,
    "minimum": pairs.prepare_extreme,
    "maximum": pairs.prepare_extreme,
    "squared_difference": pairs.prepare_squared_difference,
    "prelu": prelu.prepare_prelu,
    "resize_nearest": resize.prepare_gather,
    "mirror_pad": resize.prepare_gather,
    "gather": resize.prepare_gather,
    "resize_bilinear": resize.prepare_bilinear,
    "softmax": _by_width(softmax.prepare_softmax, interpolated.prepare_wide_softmax),
    "relu": activation.prepare_relu,
    "relu6": activation.prepare_relu6,
    **dict.fromkeys((*lookup.TABLES, "lookup"), lookup.prepare_lookup),
    "logistic": _by_width(lookup.prepare_lookup, interpolated.prepare_wide_sigmoid),
    "tanh": _by_width(lookup.prepare_lookup, interpolated.prepare_wide_sigmoid),
    "rsqrt": _by_width(lookup.prepare_lookup, interpolated.prepare_wide_rsqrt),
    "quantize": activation.prepare_quantize,
    "dequantize": activation.prepare_dequantize,
    "svdf": svdf.prepare_svdf,
    "lstm": lstm.prepare_lstm,
    ATTENTION: attention.prepare_attention,
}
"""Operator to what works out its parameters."""

Run = Callable[[Any, tuple[np.ndarray, ...]], np.ndarray]


def _spatial(kernel: Callable[[Any, np.ndarray], np.ndarray]) -> Run:
    """Kernel on [N,H,W,C] applied to [clips, 1, H, W, C]."""

    def run(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        x = inputs[0]
        return kernel(params, x.reshape(-1, *x.shape[2:]))

    return run


def _rows(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    columns = params.arithmetic.weights.shape[1]
    return fully_connected.fully_connected(params, inputs[0].reshape(-1, columns))


def _binary(kernel: Callable[[Any, np.ndarray, np.ndarray], np.ndarray]) -> Run:
    def run(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        # The clip axis comes first: ranks must be equal before numpy broadcasts the rest.
        rank = max(x.ndim for x in inputs)
        x, y = (x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:]) for x in inputs)
        return kernel(params, x, y)

    return run


def _quantize(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    kernel = activation.quantize if isinstance(params, QuantizeParams) else activation.requantize
    return kernel(params, inputs[0])


def _plain(kernel: Callable[[Any, np.ndarray], np.ndarray]) -> Run:
    return lambda params, inputs: kernel(params, inputs[0])


def _function(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    if isinstance(params, LookupParams):
        return lookup.lookup(params, inputs[0])
    if isinstance(params, WideSigmoidParams):
        return interpolated.wide_sigmoid(params, inputs[0])
    return interpolated.wide_rsqrt(cast(WideRsqrtParams, params), inputs[0])


def _softmax(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    if isinstance(params, WideSoftmaxParams):
        return interpolated.wide_softmax(params, inputs[0])
    return softmax.softmax(params, inputs[0])


RUN: Mapping[str, Run] = {
    "conv2d": _spatial(conv.conv2d),
    "depthwise_conv2d": _spatial(depthwise.depthwise_conv2d),
    "fully_connected": _rows,
    "avg_pool2d": _spatial(pool.avg_pool2d),
    "max_pool2d": _spatial(pool.max_pool2d),
    "mean": _plain(mean.mean),
    "sum": _plain(mean.mean),
    "add": _binary(add.add),
    "sub": _binary(add.add),
    "mul": _binary(mul.mul),
    "pad": _plain(layout.pad),
    "reshape": _plain(layout.reshape),
    "transpose": _plain(layout.transpose),
    "slice": _plain(layout.strided_slice),
    "concat": layout.concat,
    "batch_matmul": _binary(batch_matmul.batch_matmul),
    ATTENTION: lambda params, inputs: attention.attention(params, *inputs),
    "minimum": _binary(pairs.extreme),
    "maximum": _binary(pairs.extreme),
    "squared_difference": _binary(pairs.squared_difference),
    "prelu": _binary(prelu.prelu),
    "resize_nearest": _plain(resize.gather),
    "mirror_pad": _plain(resize.gather),
    "gather": _plain(resize.gather),
    "resize_bilinear": _spatial(resize.bilinear),
    "softmax": _softmax,
    "relu": _plain(activation.requantize),
    "relu6": _plain(activation.requantize),
    **dict.fromkeys((*lookup.TABLES, "lookup"), _function),
    "quantize": _quantize,
    "dequantize": _plain(activation.dequantize),
}
"""Operator to its kernel."""

Remember = Callable[[Any, tuple[np.ndarray, ...], tuple[np.ndarray, ...]], tuple[np.ndarray, tuple[np.ndarray, ...]]]


def _svdf(
    params: Any, inputs: tuple[np.ndarray, ...], memory: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    y, after = svdf.svdf(params, inputs[0], memory[0])
    return y, (after,)


def _lstm(
    params: Any, inputs: tuple[np.ndarray, ...], memory: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    y, hidden, cell = lstm.lstm(params, inputs[0], *memory)
    return y, (hidden, cell)


REMEMBER: Mapping[str, Remember] = {"svdf": _svdf, "lstm": _lstm}
"""Operators with variable tensors: (parameters, inputs, variables before) to (output, variables after all clips)."""
