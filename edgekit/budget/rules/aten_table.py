"""torch's ATen operators (``.pt2`` files): which rule counts each and which are free; any other is undecided."""

from __future__ import annotations

from edgekit.budget.layer import Rule
from edgekit.budget.rules.aten import aten_attention, aten_convolution, aten_recurrence, aten_stft
from edgekit.budget.rules.convolution import onnx_transposed
from edgekit.budget.rules.learned import embedding, free, parameters_once
from edgekit.budget.rules.linear import fully_connected, onnx_einsum, onnx_gemm, onnx_matmul
from edgekit.budget.rules.names import op_names

_COUNTED: dict[str, Rule] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), aten_convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), onnx_transposed),
    "linear": fully_connected,
    "addmm": onnx_gemm,
    **dict.fromkeys(("mm", "bmm", "matmul", "mv", "dot", "baddbmm"), onnx_matmul(0, 1)),
    "einsum": onnx_einsum,
    "scaled_dot_product_attention": aten_attention,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), aten_recurrence),
    "stft": aten_stft,
    "embedding": embedding,
    "batch_norm": parameters_once(1, 2),
    "_native_batch_norm_legit_no_training": parameters_once(1, 2),
    "layer_norm": parameters_once(1, 2),
    "native_layer_norm": parameters_once(1, 2),
    "group_norm": parameters_once(1, 2),
    "native_group_norm": parameters_once(1, 2),
    "instance_norm": parameters_once(1, 2),
    "rms_norm": parameters_once(1),
    "prelu": parameters_once(1),
}

_MOVES = op_names(
    """
    _assert_scalar _assert_tensor_metadata _to_copy _unsafe_view alias arange as_strided broadcast_to cat chunk clone
    concat constant_pad_nd contiguous copy detach diagonal dropout empty expand expand_as eye flatten flip full
    full_like gather index index_put index_select lift_fresh_copy linspace masked_fill masked_select movedim narrow
    new_empty new_full new_ones new_zeros numpy_T one_hot ones ones_like pad permute pixel_shuffle pixel_unshuffle
    reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d reshape roll
    scalar_tensor scatter select slice split split_with_sizes squeeze stack swapaxes sym_constrain_range
    sym_constrain_range_for_size sym_numel sym_size t take to transpose tril triu type_as unbind unflatten unfold
    unsqueeze view view_as where zeros zeros_like channel_shuffle alpha_dropout feature_dropout
    """
)

_COMPUTES = op_names(
    """
    abs acos acosh add addcdiv addcmul adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d all amax amin any argmax argmin argsort asin asinh atan atan2 atanh
    avg_pool1d avg_pool2d avg_pool3d bitwise_and bitwise_not bitwise_or bitwise_xor ceil celu clamp clamp_max clamp_min
    cos cosh cummax cumprod cumsum div elu eq erf exp expm1 fmod floor floor_divide frac ge gelu glu grid_sampler_2d gt
    hardsigmoid hardswish hardtanh isinf isnan le leaky_relu log log10 log1p log2 log_softmax _log_softmax logical_and
    logical_not logical_or logical_xor logsumexp lt max max_pool1d max_pool2d max_pool2d_with_indices max_pool3d
    maximum mean median min minimum mish mul ne neg norm nan_to_num normalize pow prod reciprocal relu relu6 remainder
    round rsqrt rsub selu sigmoid sign silu sin sinh softmax _softmax softplus softsign sort sqrt square std sub sum
    tan tanh threshold topk upsample_bilinear2d upsample_nearest1d upsample_nearest2d var var_mean view_as_complex
    view_as_real real imag linalg_vector_norm hann_window hamming_window
    """
)

_PYTHON = frozenset(
    f"_operator.{name}"
    for name in ("getitem", "mul", "add", "sub", "floordiv", "mod", "eq", "ge", "le", "gt", "lt", "ne")
)
"""Arithmetic on sizes."""

COUNTED: dict[str, Rule] = {f"aten.{name}": rule for name, rule in _COUNTED.items()}
MOVES: frozenset[str] = frozenset(f"aten.{name}" for name in _MOVES) | _PYTHON
"""Operators that place values and compute none."""

_IN_PLACE = frozenset(
    f"aten.{name}_"
    for name in ("relu", "relu6", "hardtanh", "hardswish", "silu", "sigmoid", "tanh", "add", "mul", "clamp")
)
FREE: frozenset[str] = MOVES | frozenset(f"aten.{name}" for name in _COMPUTES) | _IN_PLACE
"""Operators without multiply-accumulates of a linear layer."""

UNDECIDABLE: dict[str, str] = {
    "aten.lstm.data": "runs over sequences whose lengths are not in the file",
    "aten.gru.data": "runs over sequences whose lengths are not in the file",
    "higher_order.cond": "runs a sub-graph, and how often is not in the file",
    "higher_order.while_loop": "runs a sub-graph, and how often is not in the file",
}

RULES: dict[str, Rule] = {**dict.fromkeys(FREE, free), **COUNTED}
