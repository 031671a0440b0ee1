"""What integer sums, products and their rescaling need at run time, worked out once from scales and zero points.

The interpreter computes with these values and the C generator prints the very same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.graph.integer.params_moves import Pair
from edgekit.graph.integer.params_rescale import Rescale
from edgekit.graph.rounding import TWICE, Rounding


@dataclass(frozen=True)
class Clamp:
    """Where outputs end: they are clipped to [low, high] and stored as ``dtype`` ("int8" or "int16")."""

    low: int
    high: int
    dtype: str = "int8"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """``x`` clipped and stored."""
        result: np.ndarray = np.clip(x, self.low, self.high).astype(self.dtype)
        return result


@dataclass(frozen=True, eq=False)
class Accumulate:
    """Integer multiply-accumulate and requantization, shared by conv2d, depthwise_conv2d and fully_connected.

    Attributes:
        weights: int8, in the layout of the edge operator.
        bias: int32 [O]; zeros where the node has none.
        folded_bias: int32 [O], bias − input_zero_point · Σ weights: with it, the raw int8 input may be summed without
            adding an offset, provided that padding is filled with the input's zero point.
        multiplier: int32 [O], one an output channel (equal ones when per tensor).
        shift: int32 [O].
        per_channel: the weights carry more than one scale.
        input_zero_point, output_zero_point: of the activations.
        clamp: fused activation.
        exact_in_float32: every partial sum stays within 2²⁴, so float32 arithmetic is exact.
        rounding: of int32 sums.

    With int16 activations bias and folded_bias are int64 and sums are rescaled by fixed_point.multiply_wide.
    """

    weights: np.ndarray
    bias: np.ndarray
    folded_bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    per_channel: bool
    input_zero_point: int
    output_zero_point: int
    clamp: Clamp
    exact_in_float32: bool
    rounding: Rounding = TWICE


@dataclass(frozen=True, eq=False)
class ConvParams:
    """conv2d: geometry and arithmetic."""

    arithmetic: Accumulate
    stride: Pair
    dilation: Pair
    pad: tuple[Pair, Pair]


@dataclass(frozen=True, eq=False)
class DepthwiseParams:
    """depthwise_conv2d: output channel c·m + j reads input channel c (m = multiplier)."""

    arithmetic: Accumulate
    stride: Pair
    dilation: Pair
    pad: tuple[Pair, Pair]
    multiplier: int


@dataclass(frozen=True, eq=False)
class FullyConnectedParams:
    """fully_connected over the last K elements."""

    arithmetic: Accumulate


@dataclass(frozen=True)
class PoolParams:
    """avg_pool2d and max_pool2d; padding is never counted and never wins.

    The average of n values is (sum + n/2) / n towards zero for a positive sum, (sum − n/2) / n otherwise (n/2 whole).
    """

    window: Pair
    stride: Pair
    pad: tuple[Pair, Pair]
    clamp: Clamp


@dataclass(frozen=True)
class MeanParams:
    """mean, sum: (Σ q − count·input_zero_point) · rescale + output_zero_point; a mean's rescale holds 1/count."""

    axes: tuple[int, ...]
    count: int
    input_zero_point: int
    output_zero_point: int
    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True)
class AddParams:
    """add, sub: each input, less its zero point, is shifted left by ``left_shift`` and rescaled to twice the larger
    scale; the second is added ``sign`` times (1 or −1).

    All three shifts are ≤ 0.
    """

    left_shift: int
    zero_points: Pair
    rescales: tuple[Rescale, Rescale]
    output_rescale: Rescale
    output_zero_point: int
    clamp: Clamp
    sign: int


@dataclass(frozen=True)
class MulParams:
    """mul: the product of both inputs, less their zero points, times ``rescale`` + output_zero_point."""

    zero_points: Pair
    rescale: Rescale
    output_zero_point: int
    clamp: Clamp


@dataclass(frozen=True)
class MatmulParams:
    """batch_matmul: Σ (x − zero_points[0]) · (y − zero_points[1]), rescaled, + output_zero_point.

    ``adj_x``, ``adj_y``: the last two axes of that operand are exchanged first. int16 sums are rescaled by
    fixed_point.multiply_wide.
    """

    adj_x: bool
    adj_y: bool
    zero_points: Pair
    rescale: Rescale
    output_zero_point: int
    clamp: Clamp


@dataclass(frozen=True)
class PreluParams:
    """prelu: x less its zero point times ``positive`` where it is ≥ 0, else times the slope and ``negative``."""

    zero_points: Pair
    positive: Rescale
    negative: Rescale
    output_zero_point: int
    clamp: Clamp


@dataclass(frozen=True)
class ExtremeParams:
    """minimum, maximum: which of the two."""

    largest: bool


@dataclass(frozen=True)
class RequantizeParams:
    """relu, relu6 and quantize from integers: (q − input_zero_point) · rescale + output_zero_point, clipped.

    ``rescale`` None means copy and clip: scale and zero point are not changed at all.
    """

    rescale: Rescale | None
    input_zero_point: int
    output_zero_point: int
    clamp: Clamp


@dataclass(frozen=True)
class QuantizeParams:
    """quantize: float32 → integers, round(x / scale), halves away from zero, + zero_point."""

    scale: float
    zero_point: int
    clamp: Clamp


@dataclass(frozen=True)
class DequantizeParams:
    """dequantize: integers → float32, scale · (q − zero_point)."""

    scale: float
    zero_point: int
