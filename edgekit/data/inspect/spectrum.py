"""Spectra of recordings in third-octave bands, and their averages over groups of clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DataError

CENTRES = 10.0 ** (np.arange(17, 44) / 10.0)
"""Hz, exact centres of the third-octave bands from 50 Hz to 20 kHz (IEC 61260-1, base 10), float64 [27]."""

FLOOR_DB = -120.0
_WINDOW_SECONDS = 0.128  # resolves the lowest band, which is 11.5 Hz wide
_EDGE = 10.0**0.05
_ROWS = 64


def window_size(sample_rate: int, seconds: float = _WINDOW_SECONDS) -> int:
    """The power of two nearest to a duration in samples."""
    return int(2 ** np.round(np.log2(seconds * sample_rate)))


def power_frames(signal: np.ndarray, size: int, hop: int) -> Iterable[np.ndarray]:
    """Power spectra of Hann-windowed frames, a few dozen at a time: float32 [frames, size // 2 + 1].

    A sine of amplitude A shows as A²/2 in the sum over its bins. A signal shorter than a frame is zero-padded.
    """
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    scale = np.float32(2.0 / (size * np.sum(window**2, dtype=np.float64)))
    padded = np.pad(signal, (0, max(0, size - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    for first in range(0, len(frames), _ROWS):
        spectra = np.fft.rfft(frames[first : first + _ROWS] * window, axis=1)
        yield ((spectra.real**2 + spectra.imag**2) * scale).astype(np.float32)


class BandPower:
    """Mean power in the bands over a recording that comes in stretches.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.size = window_size(sample_rate)
        self.sum = np.zeros(self.size // 2 + 1)
        self.frames = 0
        self.frequency = np.arange(self.size // 2 + 1) * sample_rate / self.size

    def add(self, signal: np.ndarray) -> None:
        """Take in a stretch, float32 [n]."""
        for power in power_frames(signal, self.size, self.size // 2):
            self.sum += power.sum(axis=0, dtype=np.float64)
            self.frames += len(power)

    def decibels(self) -> np.ndarray:
        """DB relative to a full-scale square wave, float32 [27]; NaN for bands that the sample rate does not reach."""
        out = np.full(len(CENTRES), np.nan, np.float32)
        nyquist = self.frequency[-1]
        for place, centre in enumerate(CENTRES):
            inside = (self.frequency >= centre / _EDGE) & (self.frequency < centre * _EDGE)
            if inside.any() and centre * _EDGE <= nyquist:
                power = self.sum[inside].sum() / max(self.frames, 1)
                out[place] = 10.0 * np.log10(max(power, 10.0 ** (FLOOR_DB / 10.0)))
        return out


@dataclass(frozen=True, eq=False)
class AverageSpectrum:
    """Mean over the clips of a group of their band levels.

    Attributes:
        group: name of the device, or "all".
        clips: how many.
        decibels: float64 [27]; NaN where no clip reaches the band.
    """

    group: str
    clips: int
    decibels: np.ndarray


def average_spectra(bands: np.ndarray, groups: Iterable[str]) -> tuple[AverageSpectrum, ...]:
    """The average spectrum of each group, in order of name.

    Args:
        bands: float [clips, 27], from :meth:`BandPower.decibels`.
        groups: name of the group of each clip.
    """
    names = np.array(list(groups))
    if len(names) != len(bands):
        raise DataError(f"{len(bands)} spectra, but {len(names)} groups")
    out = []
    for name in sorted(set(names.tolist())):
        rows = bands[names == name].astype(np.float64)
        there = np.isfinite(rows)
        count = there.sum(axis=0)
        mean = np.where(count > 0, np.where(there, rows, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
        out.append(AverageSpectrum(name, len(rows), mean))
    return tuple(out)
