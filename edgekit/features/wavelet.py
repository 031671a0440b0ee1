"""Scalograms: a Morlet continuous wavelet transform, averaged over time to the frames of a log-mel of the same spec.

The wavelet of a bin with centre frequency f has the spectrum 2·exp(−½(sω − ω₀)²) with s = ω₀/(2πf) (Torrence and Compo,
"A Practical Guide to Wavelet Analysis", 1998, table 1, scaled so that a sine of amplitude A gives |W| = A at its own
frequency). Centres are spaced evenly in the logarithm from ``f_min`` to ``f_max``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.features.spec import FrontendSpec

Array = NDArray[np.float64]

_REACH = 4.0  # standard deviations of the widest wavelet that are kept apart from the clip's other end: 0.03 % of it


def centre_frequencies(spec: FrontendSpec) -> Array:
    """Hz of each bin, float64 ``[mel_bins]``, rising."""
    return np.geomspace(spec.f_min, spec.f_max, spec.mel_bins)


def transform_size(spec: FrontendSpec) -> int:
    """Points of the FFT: a power of two that holds the clip and the reach of the widest wavelet."""
    widest = omega_0(spec) / (2.0 * np.pi * spec.f_min) * spec.sample_rate  # standard deviation, in samples
    return 1 << int(spec.signal_samples + np.ceil(_REACH * widest) - 1).bit_length()


def wavelet_spectra(spec: FrontendSpec) -> Array:
    """Real spectra of the wavelets at the non-negative frequencies, float64 ``[mel_bins, size // 2 + 1]``."""
    size = transform_size(spec)
    frequency = np.arange(size // 2 + 1) * (spec.sample_rate / size)
    ratio = frequency[None, :] / centre_frequencies(spec)[:, None]
    spectra = 2.0 * np.exp(-0.5 * (omega_0(spec) * (ratio - 1.0)) ** 2)
    spectra[:, 0] = 0.0  # the Morlet wavelet is admissible up to exp(−ω₀²/2) only: without this, DC would leak in
    return spectra


def frame_of_sample(spec: FrontendSpec) -> NDArray[np.int64]:
    """Which frame each sample of the signal belongs to, int64 ``[signal_samples]``: equal parts, up to one sample."""
    return np.arange(spec.signal_samples) * spec.frames // spec.signal_samples


def scalogram(spec: FrontendSpec, signal: Array) -> Array:
    """|W|^power, averaged over each frame: float64 ``[frames, mel_bins]``.

    Args:
        spec: of kind "scalogram".
        signal: float64 ``[clip_samples]``; silence lies around it.
    """
    if spec.emphasises_signal:
        signal = signal[1:] - spec.preemphasis * signal[:-1]
    size, place = transform_size(spec), frame_of_sample(spec)
    spectrum = np.fft.rfft(signal, size)
    counts = np.bincount(place, minlength=spec.frames)
    out = np.empty((spec.frames, spec.mel_bins))
    for index, wavelet in enumerate(wavelet_spectra(spec)):
        # No negative frequencies: the result is the analytic signal, whose magnitude is the envelope.
        coefficients = np.fft.ifft(spectrum * wavelet, size)[: signal.size]
        magnitude = np.abs(coefficients) ** spec.power
        out[:, index] = np.bincount(place, magnitude, spec.frames) / counts
    return out


def omega_0(spec: FrontendSpec) -> float:
    """ω₀ of the wavelet, which only a scalogram has."""
    return 0.0 if spec.morlet is None else spec.morlet


def scalogram_parts(spec: FrontendSpec, negligible: float = 1e-4) -> dict[str, int]:
    """What one clip takes: "size" of the transforms, "bins", and "taps", the values of all wavelets that matter.

    Args:
        spec: of kind "scalogram".
        negligible: share of a wavelet's largest value below which a value is not counted.
    """
    taps = int(np.count_nonzero(wavelet_spectra(spec) > 2.0 * negligible))
    return {"size": transform_size(spec), "bins": spec.mel_bins, "taps": taps}
