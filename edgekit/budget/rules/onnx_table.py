"""ONNX operators: which rule counts each, which are free, which nobody can decide from the file.

Names of the default domain; an operator of any other domain has no rule and is undecided.
"""

from __future__ import annotations

from edgekit.budget.layer import Rule
from edgekit.budget.rules.attention import onnx_affine_grid, onnx_attention, onnx_dft, onnx_stft
from edgekit.budget.rules.convolution import onnx_convolution, onnx_transposed
from edgekit.budget.rules.learned import embedding, free, parameters_once
from edgekit.budget.rules.linear import onnx_add, onnx_einsum, onnx_gemm, onnx_matmul
from edgekit.budget.rules.names import op_names
from edgekit.budget.rules.recurrence import onnx_recurrence

COUNTED: dict[str, Rule] = {
    "Conv": onnx_convolution(0, 1, 2),
    "ConvInteger": onnx_convolution(0, 1, None),
    "QLinearConv": onnx_convolution(0, 3, 8),
    "DeformConv": onnx_convolution(0, 1, 3),
    "ConvTranspose": onnx_transposed,
    "Gemm": onnx_gemm,
    "MatMul": onnx_matmul(0, 1),
    "MatMulInteger": onnx_matmul(0, 1),
    "QLinearMatMul": onnx_matmul(0, 3),
    "Einsum": onnx_einsum,
    "Add": onnx_add,
    "LSTM": onnx_recurrence,
    "GRU": onnx_recurrence,
    "RNN": onnx_recurrence,
    "Attention": onnx_attention,
    "STFT": onnx_stft,
    "DFT": onnx_dft,
    "AffineGrid": onnx_affine_grid,
    "Gather": embedding,
    "BatchNormalization": parameters_once(1, 2),
    "InstanceNormalization": parameters_once(1, 2),
    "GroupNormalization": parameters_once(1, 2),
    "LayerNormalization": parameters_once(1, 2),
    "RMSNormalization": parameters_once(1),
    "PRelu": parameters_once(1),
}

MOVES: frozenset[str] = op_names(
    """
    BitCast Cast CastLike CenterCropPad Compress Concat Constant ConstantOfShape DepthToSpace Dropout Expand
    EyeLike Flatten Gather GatherElements GatherND Identity MaxUnpool NonZero OneHot Optional OptionalGetElement
    OptionalHasElement Pad Range Reshape ReverseSequence Scatter ScatterElements ScatterND Shape Size Slice
    SpaceToDepth Split Squeeze TensorScatter Tile Transpose Trilu Unsqueeze Where
    """
)
"""Operators that place values and compute none."""

_POINTWISE = op_names(
    """
    Abs Acos Acosh And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu Clip
    Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu
    Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign
    Sin Sinh Softplus Softsign Sqrt Sub Sum SwiGLU Swish Tan Tanh ThresholdedRelu Xor DequantizeLinear
    QuantizeLinear DynamicQuantizeLinear RotaryEmbedding
    """
)

_REDUCTIONS = op_names(
    """
    ArgMax ArgMin CumProd CumSum GlobalLpPool GlobalMaxPool GlobalAveragePool AveragePool MaxPool LpPool
    MaxRoiPool Hardmax LogSoftmax Softmax LRN LpNormalization MeanVarianceNormalization ReduceL1 ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK Unique
    NonMaxSuppression NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss
    """
)

_RESAMPLING = op_names("Col2Im GridSample Resize RoiAlign Upsample")

_GENERATORS = op_names(
    """
    Bernoulli BlackmanWindow HammingWindow HannWindow MelWeightMatrix Multinomial RandomNormal RandomNormalLike
    RandomUniform RandomUniformLike
    """
)

_TEXT = op_names("RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer")

FREE: frozenset[str] = frozenset(
    {*MOVES, *_POINTWISE, *_REDUCTIONS, *_RESAMPLING, *_GENERATORS, *_TEXT} - COUNTED.keys()
)
"""Operators without multiply-accumulates of a linear layer; their other arithmetic is not part of either convention."""

_CONTROL = "runs a sub-graph, and how often is not in the file"
_SEQUENCE = "works on sequences of tensors, whose number is not in the file"
_NEW = "has no counting rule yet"

UNDECIDABLE: dict[str, str] = {
    "If": _CONTROL,
    "Loop": _CONTROL,
    "Scan": _CONTROL,
    "SequenceMap": _CONTROL,
    "ConcatFromSequence": _SEQUENCE,
    "SequenceAt": _SEQUENCE,
    "SequenceConstruct": _SEQUENCE,
    "SequenceEmpty": _SEQUENCE,
    "SequenceErase": _SEQUENCE,
    "SequenceInsert": _SEQUENCE,
    "SequenceLength": _SEQUENCE,
    "SplitToSequence": _SEQUENCE,
    "Det": "computes a determinant, whose cost depends on the implementation",
    "ImageDecoder": "decodes an image, whose cost depends on its content",
    "CausalConvWithState": _NEW,
    "LinearAttention": _NEW,
}
"""Operators that are known and cannot be counted, each with the reason."""

RULES: dict[str, Rule] = {**dict.fromkeys(FREE, free), **COUNTED}
