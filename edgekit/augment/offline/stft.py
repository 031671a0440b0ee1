"""Short-time Fourier transform and its inverse, numpy, Hann window, centred frames, a quarter of a window a hop."""

from __future__ import annotations

import numpy as np

_WINDOW_SECONDS = 0.064


def window_size(sample_rate: int) -> int:
    """The power of two nearest to 64 ms: 1024 samples at 16 kHz."""
    return int(2 ** np.round(np.log2(_WINDOW_SECONDS * sample_rate)))


def analyse(signal: np.ndarray, size: int) -> np.ndarray:
    """Spectra of the frames centred on every ``size // 4``-th sample, with silence around the signal.

    Returns:
        complex128 [1 + n // hop, size // 2 + 1].
    """
    padded = np.pad(signal.astype(np.float64), size // 2)
    padded = np.pad(padded, (0, max(0, size - len(padded))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4]
    spectra: np.ndarray = np.fft.rfft(frames * _hann(size), axis=1)
    return spectra


def synthesise(spectra: np.ndarray, size: int, samples: int) -> np.ndarray:
    """Overlap-add, divided by the sum of the squared windows (Griffin and Lim 1984, eq. 6): float64 [samples]."""
    hop, window = size // 4, _hann(size)
    frames = np.fft.irfft(spectra, size, axis=1) * window
    length = max(size + hop * (len(frames) - 1), size // 2 + samples)
    total, weight = np.zeros(length), np.zeros(length)
    for index, frame in enumerate(frames):
        total[index * hop : index * hop + size] += frame
        weight[index * hop : index * hop + size] += window**2
    out: np.ndarray = total / np.where(weight > 1e-10, weight, 1.0)
    return out[size // 2 : size // 2 + samples]


def _hann(size: int) -> np.ndarray:
    """Periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
