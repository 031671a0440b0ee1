"""The ``edge`` dialect: operators that edgekit quantizes, interprets, plans and compiles.

Meaning is TensorFlow Lite's, made explicit: activations are NHWC, paddings are numbers, a fused activation is an
attribute. A float graph and an integer graph use the same operators; dtypes and quantization of the tensors tell them
apart.

=================== ============================================================ =====================================
op                  inputs                                                       attributes
=================== ============================================================ =====================================
conv2d              x[N,H,W,C]  w[O,kh,kw,C/g]  bias[O] or ""                    stride (h,w)  dilation (h,w)
                                                                                 pad ((top,bottom),(left,right))
                                                                                 activation
depthwise_conv2d    x[N,H,W,C]  w[1,kh,kw,C·m]  bias[C·m] or ""                  as conv2d, and multiplier m
fully_connected     x[…,K]  w[O,K]  bias[O] or ""                                activation; keep_dims (bool): output
                                                                                 […,O], else [elements/K, O]
avg_pool2d          x[N,H,W,C]                                                   window (h,w)  stride (h,w)  pad above
                                                                                 (never counted)  activation
max_pool2d          x[N,H,W,C]                                                   as avg_pool2d
mean, sum           x                                                            axes (sorted, ≥ 0)  keep_dims (bool)
add, sub, mul       x  y (numpy broadcasting): x + y, x − y, x · y               activation
pad                 x                                                            pads ((before,after), …) one an axis;
                                                                                 the value is real 0 (the zero point)
reshape             x                                                            (target is the output's shape)
transpose           x                                                            perm: axis i of the output is axis
                                                                                 perm[i] of x
slice               x                                                            begin, size, stride, each one number an
                                                                                 axis; stride ≥ 1
concat              x  y  …                                                      axis (≥ 0)
softmax             x (last axis)                                                beta
relu, relu6         x
logistic, tanh      x
leaky_relu          x                                                            alpha: slope where x < 0
hard_swish          x: x · relu6(x + 3) / 6
rsqrt               x ≥ 0: 1 / √max(x, 1e-12)
batch_matmul        x[…,M,K]  y[…,K,C]: […,M,C]; the axes in front             adj_x, adj_y (bool): that operand's last
                    broadcast                                                   two axes are exchanged
minimum, maximum    x  y (broadcasting)
squared_difference  x  y (broadcasting): (x − y)²
prelu               x  slope (a constant that broadcasts to x): x where
                    x ≥ 0, else slope · x
resize_nearest      x[N,H,W,C]                                                   size (h,w)  align_corners  half_pixel
resize_bilinear                                                                  (bool), as TFLite's options
gather              x                                                            axis  indices: elements along axis
mirror_pad          x                                                            pads as pad  mode "reflect" or
                                                                                 "symmetric"
pointwise           x: any function of one value: GELU, SiLU, erf, …             expression (graph/functions)
lookup              x  table int8[256]: table[x + 128]; int8 alone
svdf                x[1,I]  feature[F,I]  time[F,M]  bias[F/rank] or ""          rank: neighbouring filters that are
                    memory[1,F·M] (variable): each filter's product with x       added up  activation
                    goes into its memory, whose product with time is the
                    output [1,F/rank]
lstm                x[1,T,I]; weights[H,I] of input, forget, cell and    carried: hidden state and cell go on
                    output gate; recurrent weights[H,H] of these; biases         from inference to inference, else
                    [H] of these; hidden state[1,H] and cell[1,H] (variable):    0 at the start of each  cell_clip:
                    the hidden states of all steps [1,T,H]                       bound of the cell, 0 for none
quantize            float32 → int8 or int16, or between integers of any scale
dequantize          int8 or int16 → float32
=================== ============================================================ =====================================

``activation`` is "none", "relu" or "relu6". The groups g of a conv2d follow from its shapes, as in TFLite: group i maps
input channels i·C/g … to output channels i·O/g ….

Integer forms: activations int8 per tensor, or int16 with zero point 0 (INT16_OPS; then bias is int64);
conv2d and fully_connected weights int8 per channel on axis 0 (or per tensor), depthwise weights per channel on axis 3,
zero points 0; bias int32 with scale = input scale × weight scale.
svdf: feature int8 and time int16 (or int8), each with one scale and zero point 0, a memory of time's type, bias int32;
its activation is what its output's range leaves, as in TFLM. lstm: weights int8 with one scale each and zero point 0,
biases int32 at input scale × weight scale, the hidden state quantized as the output, the cell int16 in steps of 2⁻⁹ or
a smaller power of two.
The operators of SAME_SCALE_OPS keep scale and zero point. A constant side of add, sub or mul is int8 like an
activation.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph.graph import Node

EDGE_OPS: tuple[str, ...] = (
    "conv2d",
    "depthwise_conv2d",
    "fully_connected",
    "avg_pool2d",
    "max_pool2d",
    "mean",
    "sum",
    "add",
    "sub",
    "mul",
    "pad",
    "reshape",
    "transpose",
    "slice",
    "concat",
    "softmax",
    "relu",
    "relu6",
    "logistic",
    "tanh",
    "leaky_relu",
    "hard_swish",
    "rsqrt",
    "batch_matmul",
    "minimum",
    "maximum",
    "squared_difference",
    "prelu",
    "resize_nearest",
    "resize_bilinear",
    "mirror_pad",
    "gather",
    "pointwise",
    "lookup",
    "svdf",
    "lstm",
    "quantize",
    "dequantize",
)

ACTIVATIONS: tuple[str, ...] = ("none", "relu", "relu6")

BINARY_OPS = frozenset({"add", "sub", "mul"})
"""Operators of two activations with broadcasting and a fused activation; either side may be a constant."""

PAIR_OPS = BINARY_OPS | {"batch_matmul", "minimum", "maximum", "squared_difference", "prelu"}
"""All operators of two activations, or of one and a constant of the same kind."""

SAME_SCALE_OPS = frozenset(
    {"avg_pool2d", "max_pool2d", "pad", "reshape", "transpose", "slice", "concat"}
    | {"minimum", "maximum", "resize_nearest", "resize_bilinear", "mirror_pad", "gather"}
)
"""Operators whose integer form has one scale and zero point for all its inputs and its output."""

FIXED_OUTPUTS: Mapping[str, tuple[float, int]] = {
    "softmax": (1 / 256, -128),
    "logistic": (1 / 256, -128),
    "tanh": (1 / 128, 0),
}
"""Scale and zero point that an int8 kernel writes whatever the data (TFLite's int8 specification)."""

WIDE_OUTPUT = (1 / 32768, 0)
"""Scale and zero point that the operators of FIXED_OUTPUTS write as int16."""

TABLE_OPS = frozenset({"pointwise", "lookup"})
"""Functions of one value that are a table of 256 in int8 and that TFLM has no operator for."""

INT16_OPS = frozenset(
    {"conv2d", "depthwise_conv2d", "fully_connected", "avg_pool2d", "max_pool2d", "mean", "sum", *BINARY_OPS}
    | {"batch_matmul", "pad", "reshape", "transpose", "slice", "concat", "softmax", "logistic", "tanh", "rsqrt"}
    | {"quantize", "dequantize", "minimum", "maximum", "resize_nearest"}
)
"""Operators that TFLM computes on int16 activations, too (zero point 0; weights int8, bias int64)."""


RECURRENT_OPS = frozenset({"svdf", "lstm"})
"""Operators that remember: through variable tensors from one inference to the next, or from step to step of one."""


TIE = "tie"
"""Attribute of a node: its output has the scale of all outputs of the same tie (the steps of one layer)."""

SVDF_MEMORY = 4
LSTM_HIDDEN, LSTM_CELL = 13, 14
"""Positions of variable tensors among the inputs of svdf and lstm."""


def fixed_output(op: str, dtype: str) -> tuple[float, int] | None:
    """Scale and zero point that the kernel of ``op`` writes in ``dtype``; None where any will do."""
    if op not in FIXED_OUTPUTS:
        return None
    return WIDE_OUTPUT if dtype == "int16" else FIXED_OUTPUTS[op]


def activation_inputs(node: Node) -> tuple[str, ...]:
    """Inputs of an edge node that are activations, or constants of the same kind as activations (not weights)."""
    return node.inputs if node.op in PAIR_OPS or node.op in ("concat", "attention") else node.inputs[:1]


BUFFERS_KEY = "torch.buffers"
"""names of the constants of an exported program that are buffers, one a line"""
