"""Fixed-point primitives against exact rational arithmetic and the real functions they stand for."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import BadFileError
from edgekit.graph.integer import fixed_point as fp
from edgekit.graph.integer.exponential import exp_on_negative_values, get_reciprocal

INT32 = st.integers(fp.INT32_MIN, fp.INT32_MAX)


def _round_half_away(value: Fraction) -> int:
    return int(math.copysign(math.floor(abs(value) + Fraction(1, 2)), value))


def _round_half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@given(INT32, INT32)
def test_doubling_high_multiplication_is_the_rounded_product(a: int, b: int) -> None:
    expected = min(_round_half_up(Fraction(a * b, 1 << 31)), fp.INT32_MAX)
    assert int(fp.saturating_rounding_doubling_high_mul(np.int64(a), b)) == expected


@given(INT32, st.integers(0, 31))
def test_division_by_a_power_of_two_rounds_halves_away_from_zero(x: int, exponent: int) -> None:
    assert int(fp.rounding_divide_by_pot(np.int64(x), exponent)) == _round_half_away(Fraction(x, 1 << exponent))


@given(INT32, INT32)
def test_half_sum_rounds_away_from_zero(a: int, b: int) -> None:
    assert int(fp.rounding_half_sum(np.int64(a), b)) == _round_half_away(Fraction(a + b, 2))


@given(st.floats(1e-9, 1e9))
def test_quantized_multiplier_is_within_half_a_step(real: float) -> None:
    multiplier, shift = fp.quantize_multiplier(real)
    assert 1 << 30 <= multiplier < 1 << 31
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(2) ** (shift - 32)


def test_multiplier_of_an_exact_power_of_two() -> None:
    assert fp.quantize_multiplier(1.0) == (1 << 30, 1)
    assert fp.quantize_multiplier(0.25) == (1 << 30, -1)


def test_multiplier_that_rounds_up_to_one_takes_the_next_shift() -> None:
    assert fp.quantize_multiplier(1.0 - 2.0**-40) == (1 << 30, 1)


def test_vanishing_factor_is_zero() -> None:
    assert fp.quantize_multiplier(2.0**-40) == (0, 0)
    assert fp.quantize_multiplier(0.0) == (0, 0)


@pytest.mark.parametrize("real", [math.nan, math.inf, -1.0, 2.0**40])
def test_impossible_factor_is_refused(real: float) -> None:
    with pytest.raises(BadFileError, match="rescaling factor"):
        fp.quantize_multiplier(real)


@given(st.integers(-(1 << 20), 1 << 20), st.floats(1e-6, 100))
def test_rescaling_is_within_one_of_the_real_product(x: int, real: float) -> None:
    multiplier, shift = fp.quantize_multiplier(real)
    result = int(fp.multiply_by_quantized_multiplier(np.int64(x), multiplier, shift))
    assert abs(result - x * real) <= 1.0 + abs(x * real) * 2.0**-30


def test_channels_are_rescaled_each_by_its_own_factor() -> None:
    pairs = [fp.quantize_multiplier(real) for real in (0.001, 0.75, 3.0)]
    multiplier, shift = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    x = np.arange(-600, 600, 7, dtype=np.int64)[:, None] * np.ones(3, np.int64)
    whole = fp.multiply_by_quantized_multiplier(x, multiplier, shift)
    for channel, pair in enumerate(pairs):
        np.testing.assert_array_equal(whole[:, channel], fp.multiply_by_quantized_multiplier(x[:, channel], *pair))


@given(st.floats(-1e6, 1e6, width=32))
def test_rounding_is_half_away_from_zero_in_float32(x: float) -> None:
    assert int(fp.round_half_away(np.float32(x))) == _round_half_away(Fraction(x))


def test_largest_float_below_a_half_rounds_to_zero() -> None:
    assert fp.round_half_away(np.nextafter(np.float32(0.5), np.float32(0))) == 0


def test_exponential_is_accurate_to_2_to_the_minus_22() -> None:
    x = np.linspace(-31.9, 0, 4001)
    raw = np.round(x * (1 << 26)).astype(np.int64)
    np.testing.assert_allclose(exp_on_negative_values(raw) / 2.0**31, np.exp(raw / 2.0**26), rtol=0, atol=2.0**-22)


def test_reciprocal_is_accurate_over_the_range_of_sums() -> None:
    x = np.unique(np.geomspace(1 << 19, (1 << 31) - 1, 5000).astype(np.int64))
    value, bits = get_reciprocal(x, 12)
    np.testing.assert_allclose(value / 2.0**31 * 2.0 ** -bits.astype(float), 2.0**19 / x, rtol=2.0**-26)
