"""What a detector is set to, as data: the same values in Python, in the C header and in a file beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgekit.core.errors import BadConfigError

ONE = 1 << 15
"""A probability of 1: the detector counts in 1/32768."""


@dataclass(frozen=True, kw_only=True)
class VoiceGate:
    """When something sounds at all: a hop's mean square against a floor that follows the quietest hops.

    The floor falls by an eighth of the way to a quieter hop and rises by 1/1024 a hop otherwise.

    Attributes:
        ratio: how far above the floor a hop counts as sound, in 1/16 of its mean square (64: four times, 6 dB).
        least: mean square below which nothing counts (int16 samples squared).
        hangover: hops that the gate stays open after the last loud one.
    """

    ratio: int = 64
    least: int = 100
    hangover: int = 50

    def __post_init__(self) -> None:
        _within("gate", ratio=(self.ratio, 16, 1 << 15), least=(self.least, 0, 1 << 30))
        _within("gate", hangover=(self.hangover, 0, 1 << 15))


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Automatic gain: each hop's peak moves a gain that brings it to ``peak``, slowly up and quickly down.

    Attributes:
        peak: int16 value that the loudest samples are brought to.
        most: largest gain, in 1/256 (4096: sixteenfold).
        rise: share of the way up that a hop goes, as a right shift (7: 1/128).
        fall: share of the way down, likewise.
    """

    peak: int = 16000
    most: int = 4096
    rise: int = 7
    fall: int = 2

    def __post_init__(self) -> None:
        _within("gain", peak=(self.peak, 1, 32767), most=(self.most, 256, 1 << 15))
        _within("gain", rise=(self.rise, 0, 15), fall=(self.fall, 0, 15))


@dataclass(frozen=True, kw_only=True)
class FirstStage:
    """A small model that always decides; the word's larger one does so only while this one may have heard the word.

    Attributes:
        outputs: of the small model.
        keyword: its output that opens.
        threshold: mean probability (in 1/32768) from which it opens.
        smoothing: decisions whose probabilities are averaged.
        hold: decisions that it stays open from the latest one at which it opened.
    """

    outputs: int
    keyword: int
    threshold: int
    smoothing: int = 3
    hold: int = 25

    def __post_init__(self) -> None:
        _within("first", outputs=(self.outputs, 2, 1024), keyword=(self.keyword, 0, self.outputs - 1))
        _within("first", threshold=(self.threshold, 1, ONE), smoothing=(self.smoothing, 1, 1024))
        _within("first", hold=(self.hold, 1, 1 << 15))


@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """How outputs become events.

    Attributes:
        outputs: of the model.
        keywords: those of them that are words to detect.
        thresholds: for each keyword, the mean probability (in 1/32768) from which it is detected.
        smoothing: decisions whose probabilities are averaged.
        refractory: decisions after an event in which there is no other.
        gate: when to listen; None always.
        gain: of the samples; None leaves them.
        first: a smaller model before the word's; None where that always decides.
    """

    outputs: int
    keywords: tuple[int, ...]
    thresholds: tuple[int, ...]
    smoothing: int = 5
    refractory: int = 20
    gate: VoiceGate | None = None
    gain: Gain | None = None
    first: FirstStage | None = None

    def __post_init__(self) -> None:
        if not self.keywords or len(set(self.keywords)) != len(self.keywords):
            raise BadConfigError("no keyword, or one twice", where="detector", mend="list each output once")
        if not all(0 <= index < self.outputs for index in self.keywords):
            raise BadConfigError(f"a keyword is not among the {self.outputs} outputs", where="detector.keywords")
        if len(self.thresholds) != len(self.keywords):
            raise BadConfigError("not one threshold a keyword", where="detector.thresholds", mend="give as many")
        for value in self.thresholds:
            _within("detector", threshold=(value, 1, ONE))
        _within("detector", outputs=(self.outputs, 2, 1024), smoothing=(self.smoothing, 1, 1024))
        _within("detector", refractory=(self.refractory, 0, 1 << 15))

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`settings_from` reads them back."""
        return {key: value for key, value in asdict(self).items() if key != "first" or value is not None}


def settings_from(plain: Mapping[str, Any]) -> DetectorSettings:
    """Settings from plain values.

    Raises:
        BadConfigError: an unknown key, or a value out of range.
    """
    values = dict(plain)
    for name, kind in (("gate", VoiceGate), ("gain", Gain), ("first", FirstStage)):
        if isinstance(values.get(name), Mapping):
            values[name] = _built(kind, values[name], f"detector.{name}")
    for name in ("keywords", "thresholds"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    built: DetectorSettings = _built(DetectorSettings, values, "detector")
    return built


def _built(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    known = [item.name for item in fields(kind)]
    odd = [name for name in values if name not in known]
    if odd:
        raise BadConfigError(f"unknown key {odd[0]!r}", where=where, mend=f"known: {', '.join(known)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise BadConfigError(str(error), where=where, mend="give all keys with numbers") from error


def _within(where: str, **values: tuple[int, int, int]) -> None:
    for name, (value, low, high) in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadConfigError(
                f"{name} is {value!r}", where=where, mend=f"choose a whole number from {low} to {high}"
            )
