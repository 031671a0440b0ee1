"""int8 model inputs."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import BadConfigError
from edgekit.features.quantized import dequantize_features, quantize_features


def test_rounds_half_up_and_saturates() -> None:
    x = np.array([-1000.0, -0.75, -0.25, 0.0, 0.24, 0.25, 0.75, 1000.0])
    np.testing.assert_array_equal(quantize_features(x, 0.5, 3), [-128, 2, 3, 3, 3, 4, 5, 127])


def test_shape_and_type_are_kept() -> None:
    out = quantize_features(np.zeros((2, 3), np.float32), 0.1, -5)
    assert out.shape == (2, 3)
    assert out.dtype == np.int8
    assert (out == -5).all()


def test_the_scale_is_that_of_the_file() -> None:
    """0.1 as float32 is 0.100000001490116: 4.05 is just below 40.5 steps of it."""
    assert quantize_features(np.array([4.05]), 0.1, 0)[0] == 40


def test_round_trip_is_within_half_a_step() -> None:
    x = np.linspace(-3, 3, 1001)
    back = dequantize_features(quantize_features(x, 0.05, 10), 0.05, 10)
    assert np.abs(back - x).max() <= 0.025 + 1e-6


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (-1.0, 0), (float("nan"), 0), (1.0, 128), (1.0, -129)])
def test_impossible_quantizations_are_refused(scale: float, zero_point: int) -> None:
    with pytest.raises(BadConfigError):
        quantize_features(np.zeros(1), scale, zero_point)
