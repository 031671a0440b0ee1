"""Noise of a colour, in numpy: what online and offline augmentation mix in."""

from __future__ import annotations

import numpy as np

SLOPES = (0.0, 0.5, 1.0, 2.0)
"""Power falls with frequency to the minus slope: white, between, pink, brown."""


def coloured_noise(draw: np.random.Generator, length: int, slope: float) -> np.ndarray:
    """Noise whose power falls with f^slope, unit variance, float64 [length]."""
    spectrum = np.fft.rfft(draw.normal(size=length))
    frequency = np.arange(len(spectrum))
    spectrum[1:] *= frequency[1:] ** (-slope / 2.0)
    spectrum[: max(1, length // 1000)] = 0.0  # rumble far below any mel bin
    noise = np.fft.irfft(spectrum, length)
    out: np.ndarray = noise / noise.std()
    return out
