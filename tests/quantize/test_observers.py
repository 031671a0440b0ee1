"""Observers on distributions whose best range is known."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.quantize.activations import affine
from edgekit.quantize.observers import Histogram, Range, mean_squared_error, min_max, percentile


def histogram(values: np.ndarray, bins: int = 2048) -> Histogram:
    low, high = float(values.min()), float(values.max())
    return Histogram(low, high, np.histogram(values, bins, (low, high))[0])


def squared_error(values: np.ndarray, extent: Range) -> float:
    """Mean squared error of real values through the int8 grid of ``extent``."""
    scale, zero_point = affine(extent).scalar()
    steps = np.clip(np.rint(values / scale) + zero_point, -128, 127) - zero_point
    return float(np.mean(np.square(steps * scale - values)))


def test_range_always_holds_zero() -> None:
    assert Range(1.0, 3.0) == Range(0.0, 3.0)
    assert Range(-4.0, -2.0) == Range(-4.0, 0.0)
    assert Range(-1.0, 2.0).union(Range(0.0, 5.0)) == Range(-1.0, 5.0)


def test_min_max_keeps_everything() -> None:
    values = np.array([-3.0, 0.5, 7.0])
    assert min_max(histogram(values)) == Range(-3.0, 7.0)


def test_percentile_drops_one_outlier_in_a_hundred_thousand() -> None:
    values = np.append(np.random.default_rng(0).uniform(-1, 1, 100_000), 50.0)
    extent = percentile(histogram(values, 8192))
    assert extent.high < 1.1
    assert extent.low > -1.1


def test_percentile_keeps_a_uniform_distribution() -> None:
    extent = percentile(histogram(np.linspace(-2, 2, 100_000)))
    assert extent.low == pytest.approx(-2, abs=0.01)
    assert extent.high == pytest.approx(2, abs=0.01)


def test_mse_finds_the_best_range_of_a_heavy_tail() -> None:
    heavy = np.random.default_rng(0).standard_t(3, 20_000)
    found = mean_squared_error(histogram(heavy))
    shares = np.linspace(0.2, 1, 25)
    best = min(squared_error(heavy, Range(a * heavy.min(), b * heavy.max())) for a in shares for b in shares)
    assert squared_error(heavy, found) <= 1.03 * best
    assert squared_error(heavy, found) < squared_error(heavy, min_max(histogram(heavy)))


def test_mse_keeps_the_whole_range_of_a_uniform_distribution() -> None:
    flat = np.random.default_rng(0).uniform(0, 1, 100_000)
    assert mean_squared_error(histogram(flat)) == min_max(histogram(flat))


@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (0.0, 6.0), (-0.01, 9.0), (-5.0, 0.0), (-1e-6, 1e6), (0.3, 0.4)])
def test_real_zero_is_exactly_an_int8_value_and_both_ends_are_covered(low: float, high: float) -> None:
    scale, zero_point = affine(Range(low, high)).scalar()
    assert -128 <= zero_point <= 127
    assert (-128 - zero_point) * scale <= min(low, 0) + scale
    assert (127 - zero_point) * scale >= max(high, 0) - scale


def test_an_activation_that_is_always_zero_gets_a_usable_scale() -> None:
    scale, zero_point = affine(Range(0.0, 0.0)).scalar()
    assert scale > 0 and zero_point == 0
