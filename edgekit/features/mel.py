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
    """Weights of the spec's mel triangles, float64 ``[mel_bins, n_fft // 2 + 1]``."""
    if spec.mel_scale == "kaldi":
        return kaldi_filterbank(spec.mel_bins, spec.n_fft, spec.sample_rate, spec.f_min, spec.f_max)
    edges = _edges_hz(spec.mel_scale, spec.mel_bins, spec.f_min, spec.f_max)
    weights = _triangles(np.arange(spec.n_fft // 2 + 1, dtype=np.float64) * (spec.sample_rate / spec.n_fft), edges)
    if spec.mel_norm == "slaney":
        weights *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return weights


def kaldi_filterbank(bins: int, n_fft: int, sample_rate: int, f_min: float, f_max: float) -> Array:
    """Kaldi's MelBanks: triangles that are straight over the mel axis; the Nyquist bin is not used.

    Returns:
        float64 ``[bins, n_fft // 2 + 1]``, last column 0.
    """
    low, high = _hz_to_mel_log(np.array([f_min, f_max]))
    edges = np.linspace(low, high, bins + 2)
    centres = _hz_to_mel_log(np.arange(n_fft // 2, dtype=np.float64) * (sample_rate / n_fft))
    return np.pad(_triangles(centres, edges), ((0, 0), (0, 1)))


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
    return matrix


def _edges_hz(scale: str, bins: int, f_min: float, f_max: float) -> Array:
    """Corner frequencies of the triangles, equally spaced in mel: float64 ``[bins + 2]`` in Hz."""
    low, high = hz_to_mel(np.array([f_min, f_max]), scale)
    return mel_to_hz(np.linspace(low, high, bins + 2), scale)


def _triangles(points: Array, edges: Array) -> Array:
    """Height at each point of the triangles with corners ``edges[i], edges[i+1], edges[i+2]`` and top 1."""
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (points[None, :] - left) / (centre - left)
    falling = (right - points[None, :]) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _hz_to_mel_log(hz: Array) -> Array:
    return 1127.0 * np.log1p(hz / 700.0)
