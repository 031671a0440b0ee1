"""Synthetic clips that try a front-end's corners: tones, noise, silence, full scale, DC, impulses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
_Maker = Callable[[NDArray[np.float64], int, np.random.Generator], NDArray[np.float64]]


def synthetic_clips(sample_rate: int, samples: int, seed: int = 0) -> dict[str, Pcm]:
    """Name to int16 ``[samples]``; the same clips for the same arguments."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / sample_rate
    return {name: _pcm(make(time, sample_rate, random)) for name, make in _MAKERS.items()}


def _pcm(signal: NDArray[np.float64]) -> Pcm:
    return np.clip(np.rint(signal * 32768.0), -32768, 32767).astype(np.int16)


def _chirp(time: NDArray[np.float64], rate: int, random: np.random.Generator) -> NDArray[np.float64]:
    """From 20 Hz to Nyquist, frequency growing exponentially."""
    ratio = rate / 2.0 / 20.0
    length = max(time[-1], 1e-3)
    phase = 2.0 * np.pi * 20.0 * length / np.log(ratio) * (ratio ** (time / length) - 1.0)
    return np.asarray(0.7 * np.sin(phase))


def _quiet_beside_loud(time: NDArray[np.float64], rate: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A full-scale low tone 80 dB above a tone at a third of the sample rate."""
    return np.asarray(0.99 * np.sin(2e-2 * np.pi * rate * time) + 1e-4 * np.sin(2.0 * np.pi * rate / 3.0 * time))


def _speech_like(time: NDArray[np.float64], rate: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Harmonics of a gliding 120 Hz voice with three formants, in syllables, over a little noise."""
    pitch = 2.0 * np.pi * np.cumsum(120.0 + 30.0 * np.sin(2.0 * np.pi * 3.0 * time)) / rate
    voice = np.zeros_like(time)
    for harmonic in range(1, max(2, int(rate / 2 / 160))):
        hertz = 120.0 * harmonic
        gain = sum(np.exp(-(((hertz - formant) / 150.0) ** 2)) for formant in (600.0, 1200.0, 2500.0))
        voice += (gain + 0.02) * np.sin(harmonic * pitch)
    syllables = np.clip(np.sin(2.0 * np.pi * 4.0 * time), 0.0, None) ** 0.5
    noise = 1e-3 * random.standard_normal(time.size)
    return np.asarray(0.2 * syllables * voice / 2.0 + noise)


def _impulses(time: NDArray[np.float64], rate: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Single full-scale samples, the first and the last sample of the clip among them."""
    signal = np.zeros_like(time)
    signal[:: max(1, time.size // 5)] = 0.999
    signal[-1] = -1.0
    return signal


_MAKERS: dict[str, _Maker] = {
    "chirp": _chirp,
    "white noise": lambda time, rate, random: 0.1 * random.standard_normal(time.size),
    "faint noise": lambda time, rate, random: 1.0 / 32768 * random.standard_normal(time.size),
    "brown noise": lambda time, rate, random: 2e-3 * np.cumsum(random.standard_normal(time.size)) % 1.0 - 0.5,
    "speech-like": _speech_like,
    "quiet beside loud": _quiet_beside_loud,
    "silence": lambda time, rate, random: np.zeros_like(time),
    "full-scale square": lambda time, rate, random: np.where(np.sin(2.0 * np.pi * 440.0 * time) >= 0.0, 1.0, -1.0),
    "full-scale noise": lambda time, rate, random: random.choice([-1.0, 1.0], time.size),
    "DC": lambda time, rate, random: np.full_like(time, 0.5),
    "DC of one step": lambda time, rate, random: np.full_like(time, 1.0 / 32768),
    "impulses": _impulses,
    "half silence": lambda time, rate, random: (
        np.where(np.arange(time.size) < time.size // 2, 0.0, 0.3) * np.sin(2.0 * np.pi * 1000.0 * time)
    ),
}
