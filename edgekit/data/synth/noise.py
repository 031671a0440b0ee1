"""Background noise: white, pink, brown, mains hum, babble, and stretches of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadFileError, DataError
from edgekit.data.audio import SUFFIXES, decode
from edgekit.data.synth.voices import SPLITS

_SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # amplitude falls as frequency to the minus slope
_BABBLERS = 7


def coloured(kind: str, samples: int, rate: int, chance: np.random.Generator) -> np.ndarray:
    """White, pink (1/f power) or brown (1/f² power) noise, float32 [samples], RMS 1; flat below 40 Hz."""
    spectrum = np.fft.rfft(chance.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / rate), 40.0)
    return unit_rms(np.fft.irfft(spectrum * frequency ** -_SLOPES[kind], samples))


def hum(samples: int, rate: int, chance: np.random.Generator) -> np.ndarray:
    """Mains hum, 50 or 60 Hz with falling harmonics, over a little pink noise; float32 [samples], RMS 1."""
    mains = chance.choice([50.0, 60.0]) * (1 + chance.uniform(-0.002, 0.002))
    time = np.arange(samples) / rate
    total = np.zeros(samples)
    for order in range(1, 9):
        phase, weight = chance.uniform(0, 2 * np.pi), chance.uniform(0.3, 1.0) / order
        total += weight * np.sin(2 * np.pi * mains * order * time + phase)
    return unit_rms(unit_rms(total) + 0.3 * coloured("pink", samples, rate, chance))


def babble(samples: int, speech: Sequence[np.ndarray], chance: np.random.Generator) -> np.ndarray:
    """Seven voices at once, float32 [samples], RMS 1.

    The words run backwards: the sound of speech stays, but no keyword is said.

    Args:
        samples: of the result.
        speech: words, float32 [n] each, at the rate of the result.
        chance: random numbers.
    """
    total = np.zeros(samples, np.float32)
    for _ in range(_BABBLERS):
        place = -int(chance.integers(0, samples // 2 + 1))
        while place < samples:
            word = unit_rms(speech[int(chance.integers(len(speech)))][::-1])
            first, last = max(place, 0), min(place + len(word), samples)
            if last > first:
                total[first:last] += word[first - place : last - place]
            place += len(word) + int(chance.integers(0, samples // 8 + 1))
    return unit_rms(total)


def recorded(
    signal: np.ndarray, split: str, shares: Sequence[float], samples: int, chance: np.random.Generator
) -> np.ndarray:
    """A random stretch of a recording, float32 [samples], RMS 1, looped where the recording is too short.

    The first part of each recording serves train, the next validation, the last test, by ``shares``.
    """
    index = SPLITS.index(split)
    low, high = (round(sum(shares[:end]) * len(signal)) for end in (index, index + 1))
    region = signal[low:high] if high > low else signal
    if len(region) < samples:
        region = np.tile(region, samples // len(region) + 1)
    start = int(chance.integers(0, len(region) - samples + 1))
    return unit_rms(region[start : start + samples])


def load_folder(folder: Path, rate: int, what: str) -> dict[str, np.ndarray]:
    """All audio files of a folder, float32 in [-1, 1) at ``rate``, by file name without ending, sorted.

    Args:
        folder: of recordings; not searched in depth.
        rate: of the result, in Hz.
        what: for the error message.

    Raises:
        DataError: the folder is missing or holds no audio file, or one of them is broken or silent.
    """
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise DataError(f"holds no {what}", where=str(folder), mend="give a folder of WAV, FLAC or Ogg files")
    signals = {}
    for file in files:
        try:
            signal = decode(file, rate).astype(np.float32) / 32768.0
        except BadFileError as error:
            raise DataError(error.what, where=str(file), mend="remove the file from the folder") from error
        if not signal.any():
            raise DataError("is silent", where=str(file), mend="remove the file from the folder")
        signals[file.stem] = signal
    return signals


def unit_rms(signal: np.ndarray) -> np.ndarray:
    """float32, scaled to a root mean square of 1; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
    scaled: np.ndarray = (signal / rms if rms > 0 else signal).astype(np.float32)
    return scaled
