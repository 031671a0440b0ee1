"""Functions of one int16 value: tables of 513 (softmax) and of 256 entries (logistic, tanh), interpolated between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.exponential import inverse_square_root
from edgekit.graph.integer.fixed_point import (
    INT16_MAX,
    INT16_MIN,
    Int64,
    round_half_away,
)
from edgekit.graph.integer.params import Rescale, WideRsqrtParams, WideSigmoidParams, WideSoftmaxParams
from edgekit.graph.integer.params_rescale import multiplied
from edgekit.graph.integer.rescale import full_clamp, input_output, to_rescale
from edgekit.graph.ops import fixed_output
from edgekit.graph.rounding import rounding_of

STEPS = 512
_UP = (
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49,
    50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
)  # fmt: skip
"""Entries that TensorFlow Lite's own table rounds up although the exact value is nearer to the integer below."""
SIGMOID_TABLE = np.floor(65536 / (1 + np.exp(-np.arange(256) / 24)) + 0.5).astype(np.int64)
"""logistic(i/24) · 2¹⁶, int64 [256]."""
SIGMOID_TABLE[list(_UP)] += 1
_ROOT_BITS = 20
_SATURATED = 255
_EXP_REACH = 10.0
"""exp(−10) and less counts as 0."""


def table513(function: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> np.ndarray:
    """int16 [513] of a function with values in [−1, 1) over [low, high], biased to halve the error between entries.

    TensorFlow Lite's gen_lut in float32 (kernels/internal/common.h).
    """
    step = np.float32(np.float32(high - low) / STEPS)
    x = np.float32(low) + np.arange(STEPS + 1, dtype=np.float32) * step
    scale = np.float32(32768)
    values = function(x) * scale
    samples = round_half_away(values)
    middles = round_half_away(function(x[:-1] + step / np.float32(2)) * scale)
    interpolated = round_half_away((values[1:] + samples[:-1]) / np.float32(2))
    bias = round_half_away((interpolated - middles) / np.float32(2))
    result: np.ndarray = np.clip(np.append(samples[:-1] - bias, samples[-1]), INT16_MIN, INT16_MAX).astype(np.int16)
    return result


def look_up(table: np.ndarray, x: Int64) -> Int64:
    """Entry of the high 9 bits of int16 values, plus the slope times the low 7 bits (LUTLookup)."""
    wide = table.astype(np.int64)
    index = 256 + (x >> 7)
    base = wide[index]
    result: Int64 = base + (((wide[index + 1] - base) * (x & 0x7F) + 64) >> 7)
    return result


def prepare_wide_softmax(graph: Graph, node: Node) -> WideSoftmaxParams:
    """Parameters of one softmax node on int16."""
    source, output = input_output(graph, node)
    require_fixed(node, output.scale_zero(), output.dtype)
    scale = source.scale_zero()[0] * float(np.float32(node.attrs.get("beta", 1.0)))
    return WideSoftmaxParams(
        rescale=to_rescale(scale / (_EXP_REACH / 65535.0), rounding_of(graph)),
        exponential=table513(np.exp, -_EXP_REACH, 0.0),
        reciprocal=table513(lambda x: np.float32(1) / (np.float32(1) + x), 0.0, 1.0),
    )


def wide_softmax(params: WideSoftmaxParams, x: np.ndarray) -> np.ndarray:
    """int16 x [..., K] to int16 probabilities [..., K] of scale 1/32768 (reference_ops::SoftmaxInt16)."""
    values = x.astype(np.int64)
    difference = values - values.max(axis=-1, keepdims=True)
    scaled = params.rescale(difference)
    exponential = look_up(params.exponential, np.clip(scaled + INT16_MAX, INT16_MIN, INT16_MAX))
    total = exponential.sum(axis=-1, keepdims=True)
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
    symmetric = np.clip(shifted - ((1 << 15) + (1 << 16)), INT16_MIN, INT16_MAX)
    reciprocal = look_up(params.reciprocal, symmetric)
    right = 31 - headroom
    result = (exponential * reciprocal + (np.int64(1) << (right - 1))) >> right
    found: np.ndarray = np.clip(result, 0, INT16_MAX).astype(np.int16)
    return found


def prepare_wide_sigmoid(graph: Graph, node: Node) -> WideSigmoidParams:
    """Parameters of one logistic or tanh node on int16 (CalculateArithmeticOpDataLogistic, tanh.cc).

    Raises:
        UnsupportedOpError: another output scale than 1/32768, or an input scale so large that the kernel overflows.
    """
    source, output = input_output(graph, node)
    require_fixed(node, output.scale_zero(), output.dtype)
    scale, is_tanh = source.scale_zero()[0], node.op == "tanh"
    power, near = _checked_log2(scale)
    if near and 12 + power in ((0, 1) if is_tanh else (0,)):
        return WideSigmoidParams(3 << (12 + power), 0, SIGMOID_TABLE, is_tanh)
    factor, shift = scale * 4096.0 * 3.0, 0
    while factor <= 32767.0 / 2.0 and shift <= 30:
        shift, factor = shift + 1, factor * 2.0
    if factor > 32767:
        raise UnsupportedOpError(f"{node.op} of int16 with scale {scale:g}", where=node.name, mend="calibrate again")
    return WideSigmoidParams(int(factor), shift, SIGMOID_TABLE, is_tanh)


def _checked_log2(scale: float) -> tuple[int, bool]:
    """(nearest power of two, scale is taken for it), in float32 (CheckedLog2 of quantization_util.cc)."""
    log2 = np.log(np.float32(scale)) * (np.float32(1) / np.log(np.float32(2)))
    return int(round_half_away(log2)), bool(abs(log2 - round_half_away(log2)) < np.float32(1e-3))


def wide_sigmoid(params: WideSigmoidParams, x: np.ndarray) -> np.ndarray:
    """int16 x to int16 logistic or tanh of scale 1/32768 (reference_integer_ops::Logistic, Tanh)."""
    half = (1 << params.shift) >> 1
    position = (x.astype(np.int64) * params.multiplier + half) >> params.shift
    bits = 8 if params.is_tanh else 9
    magnitude = np.abs(position)
    index = np.minimum(magnitude >> bits, _SATURATED - 1)
    first, second = params.table[index], params.table[index + 1]
    inside = (first << bits) + (magnitude & ((1 << bits) - 1)) * (second - first)
    if params.is_tanh:
        value = np.where(magnitude >> bits >= _SATURATED, 0xFFFF << 8, inside)
        signed = np.where(position >= 0, value - (1 << 23) + (1 << 7), (1 << 23) - value + (1 << 7) - 1)
        return (signed >> 8).astype(np.int16)
    value = np.where(magnitude >> bits >= _SATURATED, 0x7FFF << 10, inside)
    signed = np.where(position >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1)
    return (signed >> 10).astype(np.int16)


def prepare_wide_rsqrt(graph: Graph, node: Node) -> WideRsqrtParams:
    """Parameters of one rsqrt node on int16."""
    source, output = input_output(graph, node)
    factor = 1.0 / (float(np.sqrt(np.float64(source.scale_zero()[0]))) * output.scale_zero()[0])
    return WideRsqrtParams(to_rescale(factor, rounding_of(graph)), full_clamp(output))


def wide_rsqrt(params: WideRsqrtParams, x: np.ndarray) -> np.ndarray:
    """int16 x ≥ 0 to 1/√x; 0 gives the largest value, and so does what TFLM refuses, a negative x."""
    values, places = np.unique(np.maximum(x, 0), return_inverse=True)
    table = [INT16_MAX if value == 0 else _root(params.rescale, int(value)) for value in values]
    return params.clamp(np.array(table, np.int64)[places].reshape(x.shape))


def _root(rescale: Rescale, value: int) -> int:
    multiplier, shift = inverse_square_root(value)
    root = multiplied(np.ones((), np.int64), multiplier, shift + _ROOT_BITS, rescale.rounding)
    return int(multiplied(root, rescale.multiplier, rescale.shift - _ROOT_BITS, rescale.rounding))


def require_fixed(node: Node, given: tuple[float, int], dtype: str) -> None:
    """Check scale and zero point of an output that a kernel writes in one fixed quantization.

    Raises:
        UnsupportedOpError: others than graph/ops.py says.
    """
    fixed = fixed_output(node.op, dtype)
    if fixed is not None and given != fixed:
        raise UnsupportedOpError(
            f"{node.op} output with scale and zero point {given}",
            where=node.name,
            mend=f"use 1/{1 / fixed[0]:g} and {fixed[1]}",
        )
