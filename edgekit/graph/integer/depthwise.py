"""depthwise_conv2d on int8 and int16 (TensorFlow Lite reference_integer_ops::DepthwiseConvPerChannel)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.accumulate import float_dtype, prepare_accumulate, requantize
from edgekit.graph.integer.params import DepthwiseParams
from edgekit.graph.integer.windows import pad_spatial, windows


def prepare_depthwise_conv2d(graph: Graph, node: Node) -> DepthwiseParams:
    """Parameters of one depthwise_conv2d node."""
    return DepthwiseParams(
        arithmetic=prepare_accumulate(graph, node, channel_axis=3),
        stride=tuple(node.attrs["stride"]),
        dilation=tuple(node.attrs["dilation"]),
        pad=tuple(tuple(pair) for pair in node.attrs["pad"]),  # type: ignore[arg-type]
        multiplier=int(node.attrs["multiplier"]),
    )


def depthwise_conv2d(params: DepthwiseParams, x: np.ndarray) -> np.ndarray:
    """Convolve x [N,H,W,C] to [N,Ho,Wo,C·m], a filter a channel: one exact sum over the taps."""
    arithmetic = params.arithmetic
    _, height, width, _ = arithmetic.weights.shape
    centred = x.astype(float_dtype(arithmetic)) - arithmetic.input_zero_point
    if params.multiplier > 1:
        centred = np.repeat(centred, params.multiplier, axis=3)
    padded = pad_spatial(centred, params.pad, 0)
    patches = windows(padded, (height, width), params.stride, params.dilation)
    weights = arithmetic.weights[0].astype(centred.dtype)
    sums = np.zeros(patches.shape[:3] + patches.shape[5:], dtype=centred.dtype)
    for row in range(height):
        for column in range(width):
            sums += patches[:, :, :, row, column] * weights[row, column]
    return requantize(arithmetic, sums)
