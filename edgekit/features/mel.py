"""Mel filterbanks and DCT matrices in float64; torch, numpy and C all take their weights from here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.features.spec import FrontendSpec

Array = NDArray[np.float64]

# Slaney's scale (Auditory Toolbox 1998): linear below 1 kHz, logarithmic above.
_SLANEY_STEP = 200.0 / 3.0
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_STEP
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def mel_filterbank(spec: FrontendSpec) -> Array:
    """Weights of the spec's mel triangles, float64 ``[mel_bins, n_fft // 2 + 1]``.

    "htk" and "slaney" triangles are straight over Hz (librosa, torchaudio); "kaldi" ones over the mel axis. The Nyquist
    bin has weight 0: a triangle that ends at or below it is 0 there, and Kaldi leaves it out.
    """
    points, edges = _axis(spec)
    return np.pad(_triangles(points, edges) * _scale(spec)[:, None], ((0, 0), (0, 1)))


def mel_segments(spec: FrontendSpec) -> tuple[NDArray[np.int64], Array, Array]:
    """The filterbank with one weight a bin: where triangle i rises by ``w``, triangle i-1 falls by ``1 - w``.

    Returns:
        corners: int64 ``[mel_bins + 2]``, first bin at or above each corner, never bin 0, whose weight is 0.
        rise: float64 ``[corners[-1] - corners[0]]``, weight of each bin in the triangle that rises there.
        scale: float64 ``[mel_bins]``, factor of each triangle (``mel_norm``).
    """
    points, edges = _axis(spec)
    corners = np.maximum(np.searchsorted(points, edges, side="left"), 1)
    bins = np.arange(corners[0], corners[-1])
    segment = np.searchsorted(corners, bins, side="right") - 1
    rise = (points[bins] - edges[segment]) / (edges[segment + 1] - edges[segment])
    return corners, rise, _scale(spec)


def hz_to_mel(hz: Array, scale: str) -> Array:
    """Hz to mel: "slaney", or 1127·ln(1 + f/700), which is both "htk" and "kaldi"."""
    if scale != "slaney":
        return _hz_to_mel_log(hz)
    high = _SLANEY_BREAK_MEL + np.log(np.maximum(hz, 1e-9) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(hz >= _SLANEY_BREAK_HZ, high, hz / _SLANEY_STEP)


def mel_to_hz(mel: Array, scale: str) -> Array:
    """Inverse of :func:`hz_to_mel`."""
    if scale != "slaney":
        return 700.0 * np.expm1(mel / 1127.0)
    high = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (mel - _SLANEY_BREAK_MEL))
    return np.where(mel >= _SLANEY_BREAK_MEL, high, mel * _SLANEY_STEP)


def cepstrum_matrix(spec: FrontendSpec) -> Array:
    """DCT-II with the spec's scaling and lifter, float64 ``[n_mfcc, mel_bins]``.

    "ortho" is the orthonormal DCT-II. "tf" is tf.signal.mfccs_from_log_mel_spectrograms: 2·Σ·1/√(2N), so that
    coefficient 0 is √2 larger and all others are equal.
    """
    rows = np.arange(spec.bins)[:, None]
    columns = np.arange(spec.mel_bins)[None, :]
    matrix = np.sqrt(2.0 / spec.mel_bins) * np.cos(np.pi * rows * (2 * columns + 1) / (2 * spec.mel_bins))
    if spec.dct == "ortho":
        matrix[0] *= np.sqrt(0.5)
    if spec.lifter:
        matrix *= 1.0 + spec.lifter / 2.0 * np.sin(np.pi * rows / spec.lifter)
    result: Array = matrix
    return result


def _axis(spec: FrontendSpec) -> tuple[Array, Array]:
    """FFT bins ``[n_fft // 2]`` and corners ``[mel_bins + 2]`` on the axis over which the triangles are straight."""
    hz = np.arange(spec.n_fft // 2, dtype=np.float64) * (spec.sample_rate / spec.n_fft)
    low, high = hz_to_mel(np.array([spec.f_min, spec.f_max]), spec.mel_scale)
    corners = np.linspace(low, high, spec.mel_bins + 2)
    if spec.mel_scale == "kaldi":
        return _hz_to_mel_log(hz), corners
    return hz, mel_to_hz(corners, spec.mel_scale)


def _scale(spec: FrontendSpec) -> Array:
    """Factor of each triangle: 1, or with Slaney's normalisation one over half its width in Hz."""
    if spec.mel_norm == "none":
        return np.ones(spec.mel_bins)
    _, edges = _axis(spec)
    return 2.0 / (edges[2:] - edges[:-2])


def _triangles(points: Array, edges: Array) -> Array:
    """Height at each point of the triangles with corners ``edges[i], edges[i+1], edges[i+2]`` and top 1."""
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (points[None, :] - left) / (centre - left)
    falling = (right - points[None, :]) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _hz_to_mel_log(hz: Array) -> Array:
    return 1127.0 * np.log1p(hz / 700.0)
