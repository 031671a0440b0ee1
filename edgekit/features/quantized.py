"""Features to the int8 input of a model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import BadConfigError


def quantize_features(x: NDArray[np.floating], scale: float, zero_point: int) -> NDArray[np.int8]:
    """``clamp(floor(x · (1/scale) + 0.5) + zero_point, -128, 127)``, any shape.

    The scale is first rounded to float32, the type in which every model file stores it. The reference then works in
    float64; the generated C in float32.

    Raises:
        BadConfigError: scale not positive or zero point outside int8.
    """
    stored = np.float64(np.float32(scale))
    if not (math.isfinite(stored) and stored > 0.0) or not -128 <= zero_point <= 127:
        raise BadConfigError(
            f"input scale {scale!r}, zero point {zero_point!r} are not an int8 quantization",
            mend="use a positive scale and a zero point from -128 to 127",
        )
    steps = np.floor(np.asarray(x, np.float64) * (1.0 / stored) + 0.5) + zero_point
    result: NDArray[np.int8] = np.clip(steps, -128, 127).astype(np.int8)
    return result


def dequantize_features(q: NDArray[np.int8], scale: float, zero_point: int) -> NDArray[np.float32]:
    """``(q - zero_point) · scale`` as float32."""
    return ((q.astype(np.float32) - zero_point) * np.float32(scale)).astype(np.float32)
