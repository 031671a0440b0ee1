"""gemmlowp's fixed-point exponential and reciprocal, which the int8 softmax is made of.

A value in format F<m> has m integer bits: real = raw / 2^(31 − m). Source: gemmlowp ``fixedpoint/fixedpoint.h``,
TensorFlow Lite ``kernels/internal/common.h`` (GetReciprocal).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edgekit.graph.integer.fixed_point import (
    INT32_MAX,
    Int64,
    rounding_divide_by_pot,
    rounding_half_sum,
    saturating_rounding_doubling_high_mul,
    saturating_shift_left,
)

# exp(−1/8) and 1/3 in F0.
_EXP_MINUS_EIGHTH = 1895147668
_ONE_THIRD = 715827883

# Bit of |x| in F5 (weight 2^exponent, exponent −2 … 4) and exp(−2^exponent) in F0.
EXP_STEPS: tuple[tuple[int, int], ...] = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)

# √2 / 2 in F0.
_HALF_SQRT_2 = 1518500250

# 48/17 and −32/17 in F2: the first guess of Newton's division.
_FORTY_EIGHT_SEVENTEENTHS = 1515870810
_MINUS_THIRTY_TWO_SEVENTEENTHS = -1010580540


def exp_on_quarter_interval(a: Int64) -> Int64:
    """exp(a) for a in [−1/4, 0), both F0: a Taylor polynomial of degree 4 around −1/8."""
    x = a + (1 << 28)
    x2 = saturating_rounding_doubling_high_mul(x, x)
    x3 = saturating_rounding_doubling_high_mul(x2, x)
    x4 = saturating_rounding_doubling_high_mul(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    cubic = saturating_rounding_doubling_high_mul(x4_over_4 + x3, _ONE_THIRD)
    tail = rounding_divide_by_pot(cubic + x2, 1)
    return _EXP_MINUS_EIGHTH + saturating_rounding_doubling_high_mul(x + tail, _EXP_MINUS_EIGHTH)


def exp_on_negative_values(a: Int64, integer_bits: int = 5) -> Int64:
    """exp(a) for a ≤ 0; a in F<integer_bits> (at most 5), the result in F0."""
    fractional_bits = 31 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    a = np.asarray(a, dtype=np.int64)
    a_mod = (a & (quarter - 1)) - quarter
    result = exp_on_quarter_interval(saturating_shift_left(a_mod, integer_bits))
    remainder = a_mod - a
    for exponent, factor in EXP_STEPS:
        if exponent >= integer_bits:
            break
        bit = 1 << (fractional_bits + exponent)
        result = np.where(remainder & bit, saturating_rounding_doubling_high_mul(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def one_over_one_plus_x(a: Int64) -> Int64:
    """1 / (1 + a) for a in [0, 1), both F0."""
    return saturating_shift_left(_two_over_one_plus_x(a), 1)


def one_minus_x_over_one_plus_x(a: Int64) -> Int64:
    """(1 − a) / (1 + a) for a in [0, 1), both F0."""
    return saturating_shift_left(_two_over_one_plus_x(a) - (1 << 29), 2)


def _two_over_one_plus_x(a: Int64) -> Int64:
    """2 / (1 + a) in F2 for a in [0, 1) in F0: three Newton–Raphson steps."""
    half_denominator = rounding_half_sum(a, INT32_MAX)
    x = _FORTY_EIGHT_SEVENTEENTHS + saturating_rounding_doubling_high_mul(
        half_denominator, _MINUS_THIRTY_TWO_SEVENTEENTHS
    )
    for _ in range(3):
        product = saturating_rounding_doubling_high_mul(half_denominator, x)
        residual = (1 << 29) - product
        x = x + saturating_shift_left(saturating_rounding_doubling_high_mul(x, residual), 2)
    return x


@lru_cache(maxsize=1 << 16)  # every value that int16 has
def inverse_square_root(x: int) -> tuple[int, int]:
    """1/√x for an integer x ≥ 1 as (F0 value, shift): value · 2^shift (GetInvSqrtQuantizedMultiplierExp), x < 2²⁹."""
    if x <= 1:
        return INT32_MAX, 0
    pairs = (32 - x.bit_length() - 1) // 2 - 1
    half = rounding_divide_by_pot(np.asarray((x << (2 * pairs)) >> 1), 1)
    high_mul = saturating_rounding_doubling_high_mul
    y = np.asarray(1 << 28)  # 1 in F3
    for _ in range(5):
        cube = saturating_shift_left(high_mul(high_mul(y, y), y), 6)
        y = saturating_shift_left(high_mul(np.asarray(3 << 27), y) - high_mul(half, cube), 3)
    return int(high_mul(y, _HALF_SQRT_2)), pairs - 11


def get_reciprocal(x: Int64, integer_bits: int) -> tuple[Int64, Int64]:
    """1/x for x > 0 with ``integer_bits`` integer bits: (F0 value, bits over unit) so that 1/x = value · 2^−bits."""
    x = np.asarray(x, dtype=np.int64)
    headroom = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
    fraction = ((x << headroom) & 0xFFFFFFFF) - (1 << 31)
    return one_over_one_plus_x(fraction), integer_bits - headroom
