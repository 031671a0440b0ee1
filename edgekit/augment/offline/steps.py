"""The steps of offline augmentation: each a frozen dataclass of ranges with ``apply(signal, studio, draw)``.

A signal is float32 [n], full scale ±1. What a step draws comes from ``draw`` alone, so the same generator gives the
same samples whoever runs it. Only ``stretch`` with ``keep_length = false`` changes the length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from edgekit.augment.colours import SLOPES, coloured_noise
from edgekit.augment.offline import stft, vocoder
from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits

Draw = np.random.Generator
Range = tuple[float, float]

_TOP = 1.0 - 2.0**-15  # the largest int16


@dataclass(frozen=True, eq=False)
class Studio:
    """What the steps of one clip find there.

    Attributes:
        sample_rate: of the signal, in Hz.
        responses: float32 [devices, taps] of impulse responses at that rate, or None.
        response: which of them the plan asks for; None lets the step draw one.
    """

    sample_rate: int
    responses: np.ndarray | None = None
    response: int | None = None


class Step(Protocol):
    """One change of a recording."""

    name: ClassVar[str]

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """The changed recording, float32 [n]."""
        ...


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Starts later (or, negative, earlier) by a drawn time; what leaves comes in again ("roll") or is lost ("cut")."""

    name: ClassVar[str] = "shift"
    milliseconds: Range = (-100.0, 100.0)
    fill: Literal["roll", "cut"] = "roll"

    def __post_init__(self) -> None:
        _range("shift", "milliseconds", self.milliseconds, -60_000.0, 60_000.0)
        _choice("shift", "fill", self.fill, ("roll", "cut"))

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n]."""
        by = round(draw.uniform(*self.milliseconds) * studio.sample_rate / 1000.0)
        rolled = np.roll(signal, by)
        if self.fill == "cut":
            rolled[: max(by, 0)] = 0.0
            rolled[len(rolled) + min(by, 0) :] = 0.0
        return rolled


@dataclass(frozen=True, kw_only=True)
class Pitch:
    """All frequencies times 2^(semitones/12), duration kept."""

    name: ClassVar[str] = "pitch"
    semitones: Range = (-2.0, 2.0)

    def __post_init__(self) -> None:
        _range("pitch", "semitones", self.semitones, -24.0, 24.0)

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n]."""
        return vocoder.shift_pitch(signal, studio.sample_rate, draw.uniform(*self.semitones))


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Duration times a factor, pitch kept; then cut or filled with silence to the old length, unless told not to."""

    name: ClassVar[str] = "stretch"
    factor: Range = (0.9, 1.1)
    keep_length: bool = True

    def __post_init__(self) -> None:
        _range("stretch", "factor", self.factor, 0.25, 4.0)

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n], or [round(n · factor)]."""
        out = vocoder.stretch(signal, studio.sample_rate, draw.uniform(*self.factor))
        return vocoder.fit(out, len(signal)) if self.keep_length else out


@dataclass(frozen=True, kw_only=True)
class TimeMask:
    """Stretches of the recording replaced by silence or by its mean."""

    name: ClassVar[str] = "time-mask"
    milliseconds: Range = (20.0, 200.0)
    count: int = 1
    fill: Literal["silence", "mean"] = "silence"

    def __post_init__(self) -> None:
        _range("time-mask", "milliseconds", self.milliseconds, 0.0, 60_000.0)
        check_limits("time-mask", count=(self.count, 1, 100))
        _choice("time-mask", "fill", self.fill, ("silence", "mean"))

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n]."""
        out = signal.copy()
        value = np.float32(signal.mean()) if self.fill == "mean" else np.float32(0.0)
        for _ in range(self.count):
            width = min(round(draw.uniform(*self.milliseconds) * studio.sample_rate / 1000.0), len(out))
            start = int(draw.integers(0, len(out) - width + 1))
            out[start : start + width] = value
        return out


@dataclass(frozen=True, kw_only=True)
class FrequencyMask:
    """Bands of frequencies taken out, by a short-time Fourier transform and back."""

    name: ClassVar[str] = "frequency-mask"
    hertz: Range = (100.0, 1000.0)
    count: int = 1

    def __post_init__(self) -> None:
        _range("frequency-mask", "hertz", self.hertz, 0.0, 100_000.0)
        check_limits("frequency-mask", count=(self.count, 1, 100))

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n]; ``hertz`` is the width of a band, its place is uniform between 0 and half the sample rate."""
        size, nyquist = stft.window_size(studio.sample_rate), studio.sample_rate / 2.0
        spectra, frequency = stft.analyse(signal, size), np.linspace(0.0, nyquist, size // 2 + 1)
        for _ in range(self.count):
            width = min(draw.uniform(*self.hertz), nyquist)
            low = draw.uniform(0.0, nyquist - width)
            spectra[:, (frequency >= low) & (frequency <= low + width)] = 0.0
        return stft.synthesise(spectra, size, len(signal)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """White to brown noise at a drawn signal-to-noise ratio; silence gets none."""

    name: ClassVar[str] = "noise"
    snr_db: Range = (5.0, 30.0)

    def __post_init__(self) -> None:
        _range("noise", "snr_db", self.snr_db, -60.0, 120.0)

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n]."""
        noise = coloured_noise(draw, max(len(signal), 8), SLOPES[draw.integers(len(SLOPES))])[: len(signal)]
        rms = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
        level = rms * 10.0 ** (-draw.uniform(*self.snr_db) / 20.0)
        result: np.ndarray = (signal + level * noise).astype(np.float32)
        return result


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Louder or softer."""

    name: ClassVar[str] = "gain"
    decibels: Range = (-6.0, 6.0)

    def __post_init__(self) -> None:
        _range("gain", "decibels", self.decibels, -120.0, 60.0)

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n]."""
        result: np.ndarray = (signal * 10.0 ** (draw.uniform(*self.decibels) / 20.0)).astype(np.float32)
        return result


@dataclass(frozen=True, kw_only=True)
class ImpulseResponse:
    """As another device would have recorded it: convolved with its impulse response and cut to the length.

    A recording that would go beyond full scale is made softer by as much, not distorted.
    """

    name: ClassVar[str] = "impulse-response"

    def apply(self, signal: np.ndarray, studio: Studio, draw: Draw) -> np.ndarray:
        """float32 [n].

        Raises:
            BadConfigError: the studio has no responses.
        """
        if studio.responses is None:
            raise BadConfigError("there are no impulse responses", where=self.name, mend="name their folder")
        which = studio.response if studio.response is not None else int(draw.integers(len(studio.responses)))
        taps = studio.responses[which]
        size = 1 << (len(signal) + len(taps) - 2).bit_length()
        product = np.fft.rfft(signal, size) * np.fft.rfft(taps, size)
        heard = np.fft.irfft(product, size)[: len(signal)]
        return (heard * (_TOP / max(float(np.abs(heard).max()), _TOP))).astype(np.float32)


STEPS: dict[str, type[Step]] = {
    kind.name: kind for kind in (Shift, Pitch, Stretch, TimeMask, FrequencyMask, Noise, Gain, ImpulseResponse)
}
"""The steps by the names that plans use."""


def _range(step: str, name: str, value: Range, low: float, high: float) -> None:
    check_limits(step, **{f"{name}[{index}]": (end, low, high) for index, end in enumerate(value)})
    if value[0] > value[1]:
        raise BadConfigError(f"{name} runs backwards", where=step, mend="write [lowest, highest]")


def _choice(step: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadConfigError(f"{name} is {value!r}", where=step, mend=f"use {' or '.join(allowed)}")
