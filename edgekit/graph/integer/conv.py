"""conv2d on int8 and int16 (TensorFlow Lite reference_integer_ops::ConvPerChannel)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.accumulate import float_dtype, prepare_accumulate, requantize
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.integer.windows import pad_spatial, windows


def prepare_conv2d(graph: Graph, node: Node) -> ConvParams:
    """Parameters of one conv2d node."""
    return ConvParams(
        arithmetic=prepare_accumulate(graph, node, channel_axis=0),
        stride=tuple(node.attrs["stride"]),
        dilation=tuple(node.attrs["dilation"]),
        pad=tuple(tuple(pair) for pair in node.attrs["pad"]),  # type: ignore[arg-type]
    )


def conv2d(params: ConvParams, x: np.ndarray) -> np.ndarray:
    """Convolve x [N,H,W,C] to [N,Ho,Wo,O]: im2col and one exact matrix product a group."""
    arithmetic = params.arithmetic
    outputs, height, width, channels = arithmetic.weights.shape
    centred = x.astype(float_dtype(arithmetic)) - arithmetic.input_zero_point
    padded = pad_spatial(centred, params.pad, 0)
    patches = windows(padded, (height, width), params.stride, params.dilation)
    batch, rows, columns = patches.shape[:3]
    groups = x.shape[3] // channels
    filters = arithmetic.weights.reshape(groups, outputs // groups, -1).astype(centred.dtype)
    parts = []
    for group in range(groups):
        own = patches[..., group * channels : (group + 1) * channels]
        parts.append(own.reshape(batch * rows * columns, height * width * channels) @ filters[group].T)
    return requantize(arithmetic, np.concatenate(parts, axis=1)).reshape(batch, rows, columns, outputs)
