"""Operators of the edge dialect (graph/ops.py): which rule counts each and which are free."""

from __future__ import annotations

from edgekit.budget.layer import Rule
from edgekit.budget.rules.convolution import edge_convolution
from edgekit.budget.rules.learned import free
from edgekit.budget.rules.linear import fully_connected, tflite_batch_matmul
from edgekit.budget.rules.recurrence import edge_lstm, tflite_svdf
from edgekit.graph.ops import PAIR_OPS

COUNTED: dict[str, Rule] = {
    "conv2d": edge_convolution,
    "depthwise_conv2d": edge_convolution,
    "fully_connected": fully_connected,
    "batch_matmul": tflite_batch_matmul,
    "svdf": tflite_svdf,
    "lstm": edge_lstm,
}

MOVES: frozenset[str] = frozenset({"pad", "mirror_pad", "reshape", "transpose", "slice", "concat", "gather"})
"""Operators that place values and compute none."""

FREE: frozenset[str] = frozenset(
    {
        *MOVES,
        "avg_pool2d",
        "max_pool2d",
        "mean",
        "sum",
        *(PAIR_OPS - {"batch_matmul"}),
        "pointwise",
        "lookup",
        "resize_nearest",
        "resize_bilinear",
        "softmax",
        "logistic",
        "tanh",
        "leaky_relu",
        "hard_swish",
        "rsqrt",
        "relu",
        "relu6",
        "quantize",
        "dequantize",
    }
)
"""Operators without multiply-accumulates of a linear layer."""

UNDECIDABLE: dict[str, str] = {}

RULES: dict[str, Rule] = {**dict.fromkeys(FREE, free), **COUNTED}
