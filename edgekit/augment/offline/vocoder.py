"""Duration and pitch of a recording changed apart from each other, by a phase vocoder.

Flanagan and Golden, "Phase Vocoder" (1966); the form is Dolson's, "The Phase Vocoder: A Tutorial" (1986): magnitudes
are interpolated between frames, phases advance by each bin's instantaneous frequency.
"""

from __future__ import annotations

import numpy as np
import soxr

from edgekit.augment.offline.stft import analyse, synthesise, window_size


def stretch(signal: np.ndarray, sample_rate: int, factor: float) -> np.ndarray:
    """The recording made ``factor`` times as long, its pitch kept.

    Args:
        signal: float [n].
        sample_rate: Hz; decides the window.
        factor: above 0; 2 is twice as long.

    Returns:
        float32 [round(n · factor)].
    """
    size = window_size(sample_rate)
    spectra = resample_frames(analyse(signal, size), 1.0 / factor, size // 4)
    return synthesise(spectra, size, round(len(signal) * factor)).astype(np.float32)


def shift_pitch(signal: np.ndarray, sample_rate: int, semitones: float) -> np.ndarray:
    """The recording with all frequencies times 2^(semitones/12), its duration kept; float32 [n]."""
    ratio = 2.0 ** (semitones / 12.0)
    longer = stretch(signal, sample_rate, ratio)
    # Played `ratio` times as fast it has its first length again, and a pitch as much higher.
    out = soxr.resample(longer, sample_rate * ratio, sample_rate, quality="HQ")
    return fit(out, len(signal))


def fit(signal: np.ndarray, samples: int) -> np.ndarray:
    """Cut, or filled up with silence, at its end: float32 [samples]."""
    short = signal[:samples].astype(np.float32)
    return np.pad(short, (0, samples - len(short)))


def resample_frames(spectra: np.ndarray, step: float, hop: int) -> np.ndarray:
    """Spectra at frames 0, step, 2·step, …: complex128 [frames', bins].

    Args:
        spectra: complex [frames, bins], of frames ``hop`` samples apart.
        step: how far apart the new frames lie in the old ones; the result is still spaced by ``hop``.
        hop: in samples.
    """
    place = np.arange(0.0, len(spectra), step)
    left = place.astype(np.int64)
    share = (place - left)[:, None]
    more = np.concatenate([spectra, np.zeros_like(spectra[:2])])
    before, after = more[left], more[left + 1]
    magnitude = (1.0 - share) * np.abs(before) + share * np.abs(after)
    # A bin of centre frequency k/size turns by this much over a hop; what is beyond it is the partial's own place.
    expected = np.linspace(0.0, np.pi * hop, spectra.shape[1])
    turn = np.angle(after) - np.angle(before) - expected
    turn = expected + turn - 2.0 * np.pi * np.round(turn / (2.0 * np.pi))
    phase = np.cumsum(np.concatenate([np.angle(spectra[:1]), turn[:-1]]), axis=0)
    out: np.ndarray = magnitude * np.exp(1j * phase)
    return out
