"""The reference front-end: numpy, float64, one readable function a step. Torch and C are compared with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import DataError
from edgekit.features.mel import cepstrum_matrix, mel_filterbank
from edgekit.features.spec import FrontendSpec
from edgekit.features.wavelet import scalogram
from edgekit.features.window import analysis_window

Array = NDArray[np.float64]


def features(spec: FrontendSpec, pcm: NDArray[np.generic]) -> Array:
    """Features of one clip.

    Args:
        spec: the front-end.
        pcm: 1-D; int16 (divided by 32768) or floating in [-1, 1); zero-padded or cut to ``spec.clip_samples``.

    Returns:
        float64 ``[H, W]`` in ``spec.layout``.

    Raises:
        DataError: not 1-D, another integer type, or not finite.
    """
    signal = fit_clip(spec, pcm_to_float(pcm))
    if spec.kind == "scalogram":
        mel = scalogram(spec, signal)
    else:
        mel = mel_spectrum(spec, frames(spec, signal))
    values = take_log(spec, mel)
    if spec.n_mfcc is not None:
        values = values @ cepstrum_matrix(spec).T
    values = (values - spec.mean) / spec.std
    return values if spec.layout == "time_freq" else np.ascontiguousarray(values.T)


def pcm_to_float(pcm: NDArray[np.generic]) -> Array:
    """int16 PCM divided by 32768, or floating PCM as it is; float64 ``[samples]``."""
    pcm = np.asarray(pcm)
    if pcm.ndim != 1:
        raise DataError(f"PCM has {pcm.ndim} dimensions", mend="give one channel, 1-D")
    if pcm.dtype == np.int16:
        return pcm.astype(np.float64) / 32768.0
    if not np.issubdtype(pcm.dtype, np.floating):
        raise DataError(f"PCM is {pcm.dtype}", mend="give int16, or floating in [-1, 1)")
    if not np.isfinite(pcm).all():
        raise DataError("PCM holds NaN or infinity", mend="leave the clip out")
    return pcm.astype(np.float64)


def fit_clip(spec: FrontendSpec, signal: Array) -> Array:
    """Zero-pad at the end, or cut, to ``clip_samples``."""
    signal = signal[: spec.clip_samples]
    return np.pad(signal, (0, spec.clip_samples - signal.size))


def frames(spec: FrontendSpec, signal: Array) -> Array:
    """Windowed frames, float64 ``[frames, window_length]``, of a clip of ``clip_samples`` samples."""
    if spec.emphasises_signal:
        signal = signal[1:] - spec.preemphasis * signal[:-1]
    if spec.padding != "none":
        signal = np.pad(signal, spec.pad, mode="reflect" if spec.padding == "reflect" else "constant")
    spans = np.lib.stride_tricks.sliding_window_view(signal, spec.span)[:: spec.hop_length]
    blocks = spans[:, spec.window_offset : spec.window_offset + spec.window_length]
    if spec.remove_dc:
        blocks = blocks - blocks.mean(axis=1, keepdims=True)
    if spec.preemphasis and spec.preemphasis_scope == "frame":
        # Kaldi: the sample before a frame is taken to equal its first one.
        blocks = blocks - spec.preemphasis * np.concatenate([blocks[:, :1], blocks[:, :-1]], axis=1)
    return blocks * analysis_window(spec)


def mel_spectrum(spec: FrontendSpec, blocks: Array) -> Array:
    """Mel energies, float64 ``[frames, mel_bins]``.

    Where the window lies inside ``n_fft`` turns phases only, so the frame starts at the transform's first point.
    """
    spectrum = np.fft.rfft(blocks, spec.n_fft, axis=1)
    magnitude = np.abs(spectrum) if spec.power == 1 else spectrum.real**2 + spectrum.imag**2
    return magnitude @ mel_filterbank(spec).T


def take_log(spec: FrontendSpec, mel: Array) -> Array:
    """Logarithm with the spec's floor and unit."""
    floored = mel + spec.log_floor if spec.log_floor_mode == "add" else np.maximum(mel, spec.log_floor)
    return np.log(floored) * log_factor(spec)


def log_factor(spec: FrontendSpec) -> float:
    """What a natural logarithm is multiplied with to give the spec's unit."""
    decades = 1.0 / np.log(10.0)
    return float({"ln": 1.0, "log10": decades, "db": (10.0 if spec.power == 2 else 20.0) * decades}[spec.log])
