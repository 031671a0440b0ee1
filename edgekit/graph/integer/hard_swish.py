"""hard_swish on int8 (TensorFlow Lite reference_ops::HardSwish), in 16-bit fixed point."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.integer.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    Int64,
    clamp_int8,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from edgekit.graph.rounding import Rounding
from edgekit.graph.tensor import Tensor

_INT16_MIN, _INT16_MAX = -(1 << 15), (1 << 15) - 1


def hard_swish_table(source: Tensor, output: Tensor, node: Node, rounding: Rounding) -> np.ndarray:
    """Outputs for −128 … 127, int8 [256]; the kernel has roundings of its own whatever the graph's.

    Raises:
        UnsupportedOpError: the output's scale is over a hundred times smaller than the input's.
    """
    (scale, zero_point), (scale_out, zero_out) = source.scale_zero(), output.scale_zero()
    fine = np.float32(1 / 128) * np.float32(scale)
    multiplier, shift = _multiplier(float(fine / np.float32(scale_out)))
    gate_multiplier, gate_shift = _multiplier(float(fine / np.float32(3 / 32768)))
    if shift > 0:
        raise UnsupportedOpError("hard_swish with a much finer output scale", where=node.name, mend="calibrate again")
    x = (np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64) - zero_point) * 128
    value = _high_mul(x, multiplier)
    gate = _shift_left(x, gate_shift - 1) if gate_shift > 0 else x
    gate = _high_mul(gate, gate_multiplier)
    if gate_shift > 0:
        gate = _shift_left(gate, 1)
    elif gate_shift < 0:
        gate = rounding_divide_by_pot(gate, -gate_shift)
    gate = (gate + (1 << 15)) >> 1  # from [−1, 1] to [0, 1]
    product = gate * value
    truncated = np.sign(product) * (np.abs(product) >> 15)
    return clamp_int8(rounding_divide_by_pot(truncated, -shift) + zero_out)


def _multiplier(real: float) -> tuple[int, int]:
    """A real factor as a 16-bit multiplier and a shift (DownScaleInt32ToInt16Multiplier)."""
    multiplier, shift = quantize_multiplier(real)
    half = 1 << 15
    return (_INT16_MAX if multiplier >= INT32_MAX - half else (multiplier + half) >> 16), shift


def _high_mul(a: Int64, b: int) -> Int64:
    """The high 16 bits of 2·a·b, rounded to nearest (gemmlowp SaturatingRoundingDoublingHighMul of int16)."""
    result: Int64 = np.minimum((a * b + (1 << 14)) >> 15, _INT16_MAX)
    return result


def _shift_left(x: Int64, amount: int) -> Int64:
    """X · 2^amount, held within int16."""
    result: Int64 = np.clip(x << amount, _INT16_MIN, _INT16_MAX)
    return result
