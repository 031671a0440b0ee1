"""From a stream of PCM to a stream of decisions: what hears, and how decisions follow from what was heard.

    blocks of int16 (data/pcm_blocks.py) → Hearer.push → Heard → decide → Decision

A :class:`Hearer` is all that knows how a model takes its sound in. :class:`WindowHearer` gives a model its whole window
at every hop; a model that computes frame by frame is another hearer, and nothing else changes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from edgekit.api.run_models import Listener

SILENCE_DB = -120.0


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model said of a stretch of sound.

    Attributes:
        start, end: of the stretch, in samples from the beginning.
        probabilities: float64 [classes].
        level: of the stretch, dB below full scale (root mean square), from -120 to 0.
    """

    start: int
    end: int
    probabilities: np.ndarray
    level: float


class Hearer(Protocol):
    """Takes sound in as it comes."""

    def push(self, pcm: np.ndarray) -> Iterable[Heard]:
        """Take int16 [n], n ≥ 0; say what became known."""

    def finish(self) -> Iterable[Heard]:
        """The sound is over: say what is still to be said."""


class WindowHearer:
    """A model on windows: the first when it is full, the next ones a hop apart, a last one that ends with the sound.

    Sound shorter than a window is heard once, with silence behind it.

    Args:
        hear: int16 [N, window] to probabilities [N, classes].
        window: samples.
        hop: samples between the starts of windows; 0 hears the first window only.
    """

    def __init__(self, hear: Callable[[np.ndarray], np.ndarray], window: int, hop: int) -> None:
        self._hear, self._window, self._hop = hear, window, hop
        self._held = np.zeros(0, np.int16)
        self._begin = 0  # of what is held, in samples from the beginning
        self._due = 0  # start of the next window
        self._total = 0
        self._last_end = 0

    def push(self, pcm: np.ndarray) -> Iterator[Heard]:
        """Take int16 [n] in."""
        self._held = np.concatenate([self._held, pcm])
        self._total += len(pcm)
        while self._due + self._window <= self._total and (self._hop or self._due == 0):
            yield self._at(self._due)
            self._due += self._hop or self._window
        # A last window may begin anywhere within the last window's length.
        keep = max(self._begin, min(self._due, self._total - self._window))
        self._held, self._begin = self._held[keep - self._begin :], keep

    def finish(self) -> Iterator[Heard]:
        """The rest, unless every sample was heard or only the first window was wanted."""
        if self._last_end == 0 and self._total:
            yield self._at(0)
        elif self._hop and self._last_end < self._total:
            yield self._at(self._total - self._window)

    def _at(self, start: int) -> Heard:
        pcm = self._held[start - self._begin : start - self._begin + self._window]
        self._last_end = start + len(pcm)
        padded = np.zeros(self._window, np.int16)
        padded[: len(pcm)] = pcm
        return Heard(start, self._last_end, self._hear(padded[None])[0], level_db(pcm))


@dataclass(frozen=True)
class Decision:
    """What is decided about a stretch of sound.

    Attributes:
        source: file, or "microphone".
        start, end: seconds from the beginning.
        label: the most probable class; None where none is as probable as was asked for.
        probability: of the most probable class.
        probabilities: by class.
        level: dB below full scale.
    """

    source: str
    start: float
    end: float
    label: str | None
    probability: float
    probabilities: dict[str, float]
    level: float

    def to_json(self) -> dict[str, Any]:
        """One line of ``edgekit run --format jsonl``."""
        return {
            "source": self.source,
            "start_s": round(self.start, 4),
            "end_s": round(self.end, 4),
            "label": self.label,
            "probability": round(self.probability, 6),
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "level_db": round(self.level, 1),
        }


@dataclass(frozen=True)
class Rule:
    """How decisions follow from what was heard.

    Attributes:
        labels: class names.
        rate: samples a second.
        threshold: least probability of a label, 0 to 1.
        smooth: stretches over which probabilities are averaged.
    """

    labels: tuple[str, ...]
    rate: int
    threshold: float = 0.0
    smooth: int = 1

    def of(self, source: str, heard: Heard, probabilities: np.ndarray) -> Decision:
        """The decision about one stretch with these probabilities [classes]."""
        best = int(probabilities.argmax())
        probability = float(probabilities[best])
        return Decision(
            source,
            heard.start / self.rate,
            heard.end / self.rate,
            self.labels[best] if probability >= self.threshold else None,
            probability,
            {name: float(value) for name, value in zip(self.labels, probabilities, strict=True)},
            heard.level,
        )


def decisions(source: str, blocks: Iterable[np.ndarray], hearer: Hearer, rule: Rule) -> Iterator[Decision]:
    """One decision for everything that is heard, as it comes; the average goes over what was heard last."""
    recent: deque[np.ndarray] = deque(maxlen=rule.smooth)
    stages = chain((hearer.push(block) for block in blocks), _once(hearer.finish))
    for heard in chain.from_iterable(stages):
        recent.append(heard.probabilities)
        yield rule.of(source, heard, np.mean(list(recent), axis=0))


def one_decision(source: str, pcm: np.ndarray, starts: np.ndarray, listener: Listener, threshold: float) -> Decision:
    """One decision for a whole recording, by the mean probabilities of its windows, as ``edgekit eval`` takes it.

    Args:
        source: name of the recording.
        pcm: int16 [n].
        starts: int64 [windows], first samples of the windows.
        listener: the model.
        threshold: least probability of a label.
    """
    spec = listener.spec
    windows = np.zeros((len(starts), spec.clip_samples), np.int16)
    for row, start in zip(windows, starts, strict=True):
        part = pcm[start : start + spec.clip_samples]
        row[: len(part)] = part
    probabilities = listener.hear(windows).mean(axis=0)
    end = min(len(pcm), int(starts[-1]) + spec.clip_samples)
    heard = Heard(int(starts[0]), end, probabilities, level_db(pcm[int(starts[0]) : end]))
    return Rule(listener.labels, spec.sample_rate, threshold).of(source, heard, probabilities)


def _once(last: Callable[[], Iterable[Heard]]) -> Iterator[Iterable[Heard]]:
    """A stage that begins when those before it are over."""
    yield last()


def level_db(pcm: np.ndarray) -> float:
    """Root mean square of int16 [n] in dB below full scale, at least :data:`SILENCE_DB`."""
    if len(pcm) == 0:
        return SILENCE_DB
    power = float(np.mean((pcm.astype(np.float64) / 32768.0) ** 2))
    return max(SILENCE_DB, 10.0 * math.log10(power)) if power > 0.0 else SILENCE_DB
