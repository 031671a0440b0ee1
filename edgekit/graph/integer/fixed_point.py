"""Fixed-point primitives of TensorFlow Lite's int8 reference kernels, vectorised.

Names and meaning follow gemmlowp (``fixedpoint/fixedpoint.h``) and TensorFlow Lite (``kernels/internal/common.h``,
``quantization_util.cc``); :func:`multiply_rounding_once` is what they compute with ``TFLITE_SINGLE_ROUNDING``. Raw
values are int32; arrays here are int64 that hold int32 values, so that products of two need no care.
"""

from __future__ import annotations

import math

import numpy as np

from edgekit.core.errors import BadFileError

INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1
INT8_MIN = -128
INT8_MAX = 127
INT16_MIN = -(1 << 15)
INT16_MAX = (1 << 15) - 1

Int64 = np.ndarray
"""An int64 array (or scalar) of int32 values."""


def wrap_int32(x: Int64) -> Int64:
    """``x`` modulo 2³² as a C int32 holds it."""
    return np.asarray(x).astype(np.int32).astype(np.int64)


def round_half_away(x: float | np.floating | np.ndarray) -> np.ndarray:
    """TfLiteRound: to the nearest integer, halves away from zero. Float in, float out of the same dtype."""
    x = np.asarray(x)
    result: np.ndarray = np.trunc(x + np.copysign(_below_half(x.dtype), x))
    return result


def _below_half(dtype: np.dtype) -> np.floating:
    # The largest value below one half: x + 0.5 would round 0.49999997 up; halves still reach the next integer.
    result: np.floating = np.nextafter(dtype.type(0.5), dtype.type(0))
    return result


def saturating_rounding_doubling_high_mul(a: Int64, b: Int64 | int) -> Int64:
    """The high 32 bits of 2·a·b, rounded to nearest with halves up; only (min, min) saturates.

    gemmlowp adds ±2³⁰ and divides towards zero; that is the floor of (a·b + 2³⁰) / 2³¹ for either sign.
    """
    high = np.asarray(a, dtype=np.int64) * b
    high += 1 << 30
    high >>= 31
    return np.minimum(high, INT32_MAX)


def rounding_divide_by_pot(x: Int64, exponent: Int64 | int) -> Int64:
    """Divide by 2^exponent, rounded to nearest with halves away from zero; 0 ≤ exponent ≤ 31."""
    # floor((x + half - [x < 0]) / 2^exponent) rounds negative halves down, away from zero; exponent 0 changes nothing.
    x = np.asarray(x, dtype=np.int64)
    half = (np.int64(1) << exponent) >> 1
    moved = (x >> 63) & -np.minimum(half, 1)
    moved += x
    moved += half
    moved >>= exponent
    result: Int64 = moved
    return result


def saturating_shift_left(x: Int64, exponent: int) -> Int64:
    """Multiply by 2^exponent, held within int32 (gemmlowp SaturatingRoundingMultiplyByPOT, exponent ≥ 0)."""
    result: Int64 = np.clip(np.asarray(x, dtype=np.int64) << exponent, INT32_MIN, INT32_MAX)
    return result


def rounding_half_sum(a: Int64, b: Int64 | int) -> Int64:
    """(a + b) / 2, halves away from zero."""
    total = np.asarray(a, dtype=np.int64) + b
    return np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real factor as (multiplier, shift) with real ≈ multiplier · 2^(shift − 31), multiplier in [2³⁰, 2³¹) or 0.

    TensorFlow Lite's QuantizeMultiplier: a factor too small for a shift of −31 becomes 0.

    Raises:
        BadFileError: the factor is negative, not finite, or needs a shift of more than 31.
    """
    if not math.isfinite(real) or real < 0:
        raise BadFileError(f"rescaling factor {real!r} is not a positive number", mend="check the model's scales")
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier >> 1, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 31:
        raise BadFileError(f"rescaling factor {real:g} is too large", mend="check the model's scales")
    return multiplier, shift


def multiply_by_quantized_multiplier(x: Int64, multiplier: Int64 | int, shift: Int64 | int) -> Int64:
    """Multiply by multiplier · 2^(shift − 31) with TensorFlow Lite's double rounding.

    Args:
        x: int32 values.
        multiplier: scalar, or an int64 array that broadcasts against ``x`` (per channel: the last axis).
        shift: as the multiplier.

    A left shift wraps as int32 does in the reference.
    """
    shift = np.asarray(shift, dtype=np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    x = np.asarray(x, dtype=np.int64)
    shifted = wrap_int32(x << left) if np.any(left) else x
    high = saturating_rounding_doubling_high_mul(shifted, multiplier)
    return rounding_divide_by_pot(high, right) if np.any(right) else high


def multiply_rounding_once(x: Int64, multiplier: Int64 | int, shift: Int64 | int) -> Int64:
    """Multiply by multiplier · 2^(shift − 31), rounded once, halves up (``TFLITE_SINGLE_ROUNDING`` of common.cc).

    Args:
        x: int32 values.
        multiplier: scalar, or an int64 array that broadcasts against ``x``.
        shift: as the multiplier, at most 30.

    A result beyond int32, which the reference forbids, wraps.
    """
    total = 31 - np.asarray(shift, dtype=np.int64)
    product = np.asarray(x, dtype=np.int64) * np.asarray(multiplier, dtype=np.int64)
    return wrap_int32((product + (np.int64(1) << (total - 1))) >> total)


def multiply_wide(x: Int64, multiplier: Int64 | int, shift: Int64 | int) -> Int64:
    """Multiply 64-bit sums by multiplier · 2^(shift − 31), as TensorFlow Lite does for int16 activations.

    The multiplier is cut to 16 bits and the product rounded once, halves up (common.cc,
    MultiplyByQuantizedMultiplier of int64; |x| < 2⁴⁷, shift ≤ 7).

    Args:
        x: int64 sums.
        multiplier: scalar or int64 array that broadcasts against ``x``.
        shift: as the multiplier.
    """
    multiplier, total = np.asarray(multiplier, dtype=np.int64), 15 - np.asarray(shift, dtype=np.int64)
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    return (np.asarray(x, dtype=np.int64) * reduced + (np.int64(1) << (total - 1))) >> total


def clamp_int8(x: Int64, low: int = INT8_MIN, high: int = INT8_MAX) -> np.ndarray:
    """``x`` clipped to [low, high] as int8."""
    result: np.ndarray = np.clip(x, low, high).astype(np.int8)
    return result
