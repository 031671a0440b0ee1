"""TFLite builtin operators: which rule counts each, which are free, which nobody can decide from the file."""

from __future__ import annotations

from edgekit.budget.layer import Rule
from edgekit.budget.rules.convolution import (
    tflite_convolution,
    tflite_convolution_3d,
    tflite_depthwise,
    tflite_transposed,
)
from edgekit.budget.rules.learned import free, parameters_once
from edgekit.budget.rules.linear import fully_connected, tflite_batch_matmul
from edgekit.budget.rules.names import op_names
from edgekit.budget.rules.recurrence import (
    tflite_bidirectional_lstm,
    tflite_bidirectional_rnn,
    tflite_lstm,
    tflite_rnn,
    tflite_svdf,
)

COUNTED: dict[str, Rule] = {
    "CONV_2D": tflite_convolution,
    "DEPTHWISE_CONV_2D": tflite_depthwise,
    "CONV_3D": tflite_convolution_3d,
    "TRANSPOSE_CONV": tflite_transposed,
    "CONV_3D_TRANSPOSE": tflite_transposed,
    "FULLY_CONNECTED": fully_connected,
    "BATCH_MATMUL": tflite_batch_matmul,
    "LSTM": tflite_lstm,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tflite_lstm,
    "BIDIRECTIONAL_SEQUENCE_LSTM": tflite_bidirectional_lstm,
    "RNN": tflite_rnn,
    "UNIDIRECTIONAL_SEQUENCE_RNN": tflite_rnn,
    "BIDIRECTIONAL_SEQUENCE_RNN": tflite_bidirectional_rnn,
    "SVDF": tflite_svdf,
    "PRELU": parameters_once(1),
    "EMBEDDING_LOOKUP": parameters_once(1),
}

MOVES: frozenset[str] = op_names(
    """
    ASSIGN_VARIABLE BATCH_TO_SPACE_ND BITCAST BROADCAST_ARGS BROADCAST_TO CAST CONCATENATION DENSIFY
    DEPTH_TO_SPACE DILATE DYNAMIC_UPDATE_SLICE EXPAND_DIMS FILL GATHER GATHER_ND IMAG MATRIX_DIAG
    MATRIX_SET_DIAG MIRROR_PAD ONE_HOT PACK PAD PADV2 RANGE RANK READ_VARIABLE REAL RESHAPE REVERSE_SEQUENCE
    REVERSE_V2 SCATTER_ND SELECT SELECT_V2 SHAPE SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPARSE_TO_DENSE SPLIT
    SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK VAR_HANDLE WHERE ZEROS_LIKE
    """
)
"""Operators that place values and compute none."""

_POINTWISE = op_names(
    """
    ABS ADD ADD_N ATAN2 BITWISE_XOR BUCKETIZE CEIL COMPLEX_ABS COS DEQUANTIZE DIV ELU EQUAL EXP FAKE_QUANT FLOOR
    FLOOR_DIV FLOOR_MOD GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND
    LOGICAL_NOT LOGICAL_OR LOGISTIC MAXIMUM MINIMUM MUL NEG NOT_EQUAL POW QUANTIZE RELU RELU6 RELU_0_TO_1
    RELU_N1_TO_1 RIGHT_SHIFT ROUND RSQRT SIGN SIN SQRT SQUARE SQUARED_DIFFERENCE SUB TANH
    """
)

_REDUCTIONS = op_names(
    """
    ARG_MAX ARG_MIN AVERAGE_POOL_2D CUMSUM L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOG_SOFTMAX
    MAX_POOL_2D MEAN NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN
    REDUCE_PROD SEGMENT_SUM SOFTMAX SUM TOPK_V2 UNIQUE UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN
    UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM
    """
)

_OTHERS = op_names(
    """
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE MULTINOMIAL RANDOM_STANDARD_NORMAL
    RANDOM_UNIFORM RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
    """
)

_STABLEHLO = op_names(
    """
    ABS ADD AND BROADCAST_IN_DIM CBRT CLAMP COMPARE CONCATENATE CONVERT COSINE DIVIDE DYNAMIC_SLICE
    DYNAMIC_UPDATE_SLICE EXPONENTIAL FLOOR GATHER IOTA LOG LOGISTIC MAXIMUM MINIMUM MULTIPLY NEGATE OR PAD POWER
    REMAINDER RESHAPE RNG_BIT_GENERATOR RSQRT SELECT SHIFT_LEFT SLICE SUBTRACT TANH TRANSPOSE
    """
)

FREE: frozenset[str] = frozenset(
    {*MOVES, *_POINTWISE, *_REDUCTIONS, *_OTHERS, *(f"STABLEHLO_{name}" for name in _STABLEHLO)}
)
"""Operators without multiply-accumulates of a linear layer; their other arithmetic is not part of either convention."""

_CONTROL = "runs another sub-graph, and how often is not in the operator"
_REGION = "holds a computation of its own"
_OPAQUE = "is defined outside TFLite's schema"
_SHAPES = "has no counting rule: its dimension numbers are not read"
_SPARSE = "costs what its data demands, which is not in the file"

UNDECIDABLE: dict[str, str] = {
    "IF": _CONTROL,
    "WHILE": _CONTROL,
    "CALL": _CONTROL,
    "CALL_ONCE": _CONTROL,
    "STABLEHLO_WHILE": _CONTROL,
    "STABLEHLO_COMPOSITE": _CONTROL,
    "STABLEHLO_REDUCE": _REGION,
    "STABLEHLO_REDUCE_WINDOW": _REGION,
    "STABLEHLO_SCATTER": _REGION,
    "STABLEHLO_SORT": _REGION,
    "REDUCE_WINDOW": _REGION,
    "CUSTOM": _OPAQUE,
    "DELEGATE": _OPAQUE,
    "STABLEHLO_CUSTOM_CALL": _OPAQUE,
    "PLACEHOLDER_FOR_GREATER_OP_CODES": _OPAQUE,
    "STABLEHLO_CONVOLUTION": _SHAPES,
    "STABLEHLO_DOT_GENERAL": _SHAPES,
    "RFFT2D": "has no counting rule yet",
    "CONCAT_EMBEDDINGS": _SPARSE,
    "EMBEDDING_LOOKUP_SPARSE": _SPARSE,
    "LSH_PROJECTION": _SPARSE,
    "SKIP_GRAM": _SPARSE,
}
"""Operators that are known and cannot be counted, each with the reason."""

RULES: dict[str, Rule] = {**dict.fromkeys(FREE, free), **COUNTED}
