"""The detector as plain Python integers, decision by decision: the reference of the C code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.detect.posterior import exponential_table, posteriors
from edgekit.detect.settings import DetectorSettings, Gain, VoiceGate

_FULL_SCALE = 32767
_UNITY = 256


@dataclass(frozen=True)
class Event:
    """A word was detected.

    Attributes:
        decision: number of the decision, from 0.
        output: of the model.
        score: its mean probability, in 1/32768.
    """

    decision: int
    output: int
    score: int


class Detector:
    """Smooths posteriors, compares, and rests after an event.

    Until as many decisions were heard as are averaged, nothing is detected; an event empties the average. With a first
    stage, every decision begins with :meth:`first`, and :meth:`decide` follows where that is True.

    Args:
        settings: how.
        scale: of the model's int8 output.
        first_scale: of the first stage's model's.
    """

    def __init__(self, settings: DetectorSettings, scale: float, first_scale: float = 1.0) -> None:
        self.settings = settings
        self.table = exponential_table(scale)
        self._first_table = exponential_table(first_scale)
        self._first_ring = np.zeros(settings.first.smoothing if settings.first else 0, np.int32)
        self._first_place = self._first_heard = self._open = 0
        self.decisions = 0
        self._ring = np.zeros((settings.smoothing, len(settings.keywords)), np.int32)
        self._sums = np.zeros(len(settings.keywords), np.int64)
        self._heard = 0
        self._rest = 0

    def first(self, logits: np.ndarray) -> bool:
        """The first stage's decision: whether the word's model must decide, too.

        Where it must not, this was the whole decision; the word's average is empty when the stage opens again.

        Args:
            logits: int8 [outputs] of the first stage's model.

        Raises:
            BadConfigError: the settings have no first stage, or another number of outputs.
        """
        stage = self.settings.first
        if stage is None or logits.shape != (stage.outputs,):
            raise BadConfigError(f"{logits.shape} outputs", where="first", mend="give those of the first stage")
        self._first_ring[self._first_place] = posteriors(logits, self._first_table)[stage.keyword]
        self._first_place = (self._first_place + 1) % stage.smoothing
        self._first_heard = min(self._first_heard + 1, stage.smoothing)
        full = self._first_heard == stage.smoothing
        if full and int(self._first_ring.sum()) >= stage.threshold * stage.smoothing:
            self._open = stage.hold
        elif self._open:
            self._open -= 1
        if not self._open:
            self._empty()
            self.decisions += 1
            self._rest = max(0, self._rest - 1)
        return self._open > 0

    def decide(self, logits: np.ndarray, *, open_gate: bool = True) -> Event | None:
        """One decision.

        Args:
            logits: int8 [outputs].
            open_gate: whether the voice gate is open; a closed one lets no event through.

        Returns:
            The event, or None.

        Raises:
            BadConfigError: another number of outputs.
        """
        settings = self.settings
        if logits.shape != (settings.outputs,):
            raise BadConfigError(f"{logits.shape} outputs", where="detector", mend=f"give {settings.outputs}")
        return self.judge(posteriors(logits, self.table), open_gate=open_gate)

    def judge(self, shares: np.ndarray, *, open_gate: bool = True) -> Event | None:
        """One decision from posteriors int32 [outputs] in 1/32768; see :meth:`decide`."""
        settings = self.settings
        self._add(shares[list(settings.keywords)])
        number = self.decisions
        self.decisions += 1
        if self._rest:
            self._rest -= 1
            return None
        if self._heard < settings.smoothing or not open_gate:
            return None
        over = self._sums - np.array(settings.thresholds, np.int64) * settings.smoothing
        best = int(over.argmax())
        if over[best] < 0:
            return None
        event = Event(number, settings.keywords[best], int(self._sums[best] // settings.smoothing))
        self._empty()
        self._rest = settings.refractory
        return event

    def _empty(self) -> None:
        self._ring[:], self._sums[:], self._heard = 0, 0, 0

    def _add(self, shares: np.ndarray) -> None:
        place = self.decisions % self.settings.smoothing
        self._sums += shares - self._ring[place]
        self._ring[place] = shares
        self._heard = min(self._heard + 1, self.settings.smoothing)


class GateState:
    """The voice gate, hop by hop.

    Args:
        settings: how.
    """

    def __init__(self, settings: VoiceGate) -> None:
        self.settings = settings
        self.floor = 0
        self._begun = False
        self._open = 0

    def hear(self, pcm: np.ndarray) -> bool:
        """Whether the gate is open after a hop of int16 samples."""
        energy = int(np.dot(pcm.astype(np.int64), pcm.astype(np.int64))) // len(pcm)
        if not self._begun:
            self.floor, self._begun = energy, True
        if energy < self.floor:
            self.floor -= -(-(self.floor - energy) // 8)
        else:
            self.floor = min(self.floor + self.floor // 1024 + 1, energy)
        if energy >= self.settings.least and energy * 16 > self.floor * self.settings.ratio:
            self._open = self.settings.hangover + 1
        elif self._open:
            self._open -= 1
        return self._open > 0


class GainState:
    """Automatic gain, hop by hop.

    Args:
        settings: how.
    """

    def __init__(self, settings: Gain) -> None:
        self.settings = settings
        self.gain = _UNITY

    def apply(self, pcm: np.ndarray) -> np.ndarray:
        """A hop of int16 samples, amplified by the gain that the hops before it led to; then the gain moves."""
        out = np.clip((pcm.astype(np.int32) * self.gain) >> 8, -_FULL_SCALE - 1, _FULL_SCALE).astype(np.int16)
        peak = int(np.abs(pcm.astype(np.int32)).max())
        wanted = min(self.settings.most, self.settings.peak * _UNITY // peak) if peak else self.gain
        step = wanted - self.gain
        if step > 0:
            self.gain += (step + (1 << self.settings.rise) - 1) >> self.settings.rise
        elif step < 0:
            self.gain -= (-step + (1 << self.settings.fall) - 1) >> self.settings.fall
        result: np.ndarray = out
        return result
