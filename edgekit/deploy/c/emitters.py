"""Which emitter writes which operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edgekit.deploy.c.add import emit_add
from edgekit.deploy.c.batch_matmul import emit_batch_matmul
from edgekit.deploy.c.bilinear import emit_resize_bilinear
from edgekit.deploy.c.conv2d import emit_conv2d
from edgekit.deploy.c.depthwise_conv2d import emit_depthwise_conv2d
from edgekit.deploy.c.fully_connected import emit_fully_connected
from edgekit.deploy.c.gather import emit_gather
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.lookup import emit_lookup
from edgekit.deploy.c.lstm import emit_lstm
from edgekit.deploy.c.mean import emit_mean
from edgekit.deploy.c.moves import emit_concat, emit_slice, emit_transpose
from edgekit.deploy.c.mul import emit_mul
from edgekit.deploy.c.pad_reshape import emit_pad, emit_reshape
from edgekit.deploy.c.pairs import emit_extreme, emit_prelu, emit_squared_difference
from edgekit.deploy.c.pool2d import emit_avg_pool2d, emit_max_pool2d
from edgekit.deploy.c.requantize import emit_requantize
from edgekit.deploy.c.softmax import emit_softmax
from edgekit.deploy.c.svdf import emit_svdf
from edgekit.deploy.c.wide import by_bytes
from edgekit.deploy.c.wide_conv import emit_wide_conv2d, emit_wide_dense, emit_wide_depthwise
from edgekit.deploy.c.wide_functions import emit_wide_rsqrt, emit_wide_sigmoid, emit_wide_softmax
from edgekit.graph.integer.lookup import TABLES

EMITTERS: Mapping[str, Callable[[Layer], Code]] = MappingProxyType(
    {
        "conv2d": emit_conv2d,
        "depthwise_conv2d": emit_depthwise_conv2d,
        "fully_connected": emit_fully_connected,
        "avg_pool2d": emit_avg_pool2d,
        "max_pool2d": emit_max_pool2d,
        "mean": emit_mean,
        "sum": emit_mean,
        "add": emit_add,
        "sub": emit_add,
        "mul": emit_mul,
        "pad": by_bytes(emit_pad),
        "reshape": by_bytes(emit_reshape),
        "transpose": by_bytes(emit_transpose),
        "slice": by_bytes(emit_slice),
        "concat": by_bytes(emit_concat),
        "softmax": emit_softmax,
        "batch_matmul": emit_batch_matmul,
        "minimum": emit_extreme,
        "maximum": emit_extreme,
        "squared_difference": emit_squared_difference,
        "prelu": emit_prelu,
        "resize_nearest": by_bytes(emit_gather),
        "mirror_pad": emit_gather,
        "gather": emit_gather,
        "resize_bilinear": emit_resize_bilinear,
        "relu": emit_requantize,
        "relu6": emit_requantize,
        **dict.fromkeys((*TABLES, "lookup"), emit_lookup),
        "quantize": emit_requantize,
        "svdf": emit_svdf,
        "lstm": emit_lstm,
    }
)
"""Operator of the edge dialect to its emitter. A kernel for one target is chosen inside, by ``Layer.target``."""

WIDE_EMITTERS: Mapping[str, Callable[[Layer], Code]] = MappingProxyType(
    {
        **EMITTERS,
        "conv2d": emit_wide_conv2d,
        "depthwise_conv2d": emit_wide_depthwise,
        "fully_connected": emit_wide_dense,
        "softmax": emit_wide_softmax,
        "logistic": emit_wide_sigmoid,
        "tanh": emit_wide_sigmoid,
        "rsqrt": emit_wide_rsqrt,
    }
)
"""Emitters of layers with int16 activations."""
