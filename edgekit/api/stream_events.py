"""What a stream says: decisions hop by hop, events of a detector with its gate and gain, and sound that was lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgekit.api.run_events import Detection, DetectorFile
from edgekit.api.run_hearing import Decision, Heard, Rule, level_db
from edgekit.core.errors import BadConfigError
from edgekit.detect.detector import Detector, GainState, GateState
from edgekit.detect.settings import ONE

if TYPE_CHECKING:
    from edgekit.api.stream_listener import StreamListener

_EVEN = 1e-6


@dataclass(frozen=True)
class Dropped:
    """The sound device lost samples; the stream goes on with the next ones it has.

    Attributes:
        source: "microphone".
        time: seconds of sound heard until then, without what was lost.
    """

    source: str
    time: float

    def to_json(self) -> dict[str, Any]:
        """One line of the event log."""
        return {"source": self.source, "time_s": round(self.time, 3), "notice": "sound was lost"}


class Hearing(Protocol):
    """Takes a stream's sound in and says what follows."""

    def push(self, pcm: np.ndarray) -> Iterable[Decision | Detection]:
        """Take int16 [n], n ≥ 0."""


class DecisionStream:
    """A decision every so many hops, from the first full window on.

    Args:
        source: of the sound.
        listener: the stream, at its beginning.
        every: hops between decisions.
        threshold: least probability of a label.
        smooth: decisions whose probabilities are averaged.
    """

    def __init__(self, source: str, listener: StreamListener, every: int, threshold: float, smooth: int) -> None:
        self._source, self._listener, self._every = source, listener, every
        self._rule = Rule(listener.labels, listener.spec.sample_rate, threshold, smooth)
        self._shares: deque[np.ndarray] = deque(maxlen=smooth)
        self._whole = Whole(listener.hop)
        self._recent = np.zeros(0, np.int16)
        self._hops = 0

    def push(self, pcm: np.ndarray) -> Iterator[Decision]:
        """Take int16 [n] in; samples behind the last whole hop wait for more."""
        listener, hop = self._listener, self._listener.hop
        given = self._whole.push(pcm)
        if not len(given):
            return
        past = np.concatenate([self._recent, given])
        begin = self._hops * hop + len(given) - len(past)  # of ``past``, in samples from the stream's beginning
        self._recent = past[-listener.window :]
        for share in listener.probabilities(listener.scores(given)):
            self._hops += 1
            if self._hops < listener.warmup or (self._hops - listener.warmup) % self._every:
                continue
            self._shares.append(share)
            end = self._hops * hop
            start = max(0, end - listener.window)
            heard = Heard(start, end, share, level_db(past[start - begin : end - begin]))
            yield self._rule.of(self._source, heard, np.mean(list(self._shares), axis=0))


class DetectorStream:
    """Events of a detector on a stream's int8 scores: the integers that the firmware computes.

    Every step of the detector (``step_ms``) its gate hears the samples as they came, its gain amplifies them, the model
    takes them, and the scores of the last hop are judged.

    Args:
        source: of the sound.
        listener: the stream, at its beginning.
        detector: settings and step.

    Raises:
        BadConfigError: the step is not a whole number of hops, or the model has another number of classes.
    """

    def __init__(self, source: str, listener: StreamListener, detector: DetectorFile) -> None:
        settings = detector.settings
        steps = detector.step_ms / listener.hop_ms
        if steps < 1 - _EVEN or abs(steps - round(steps)) > _EVEN:
            text = f"a decision every {detector.step_ms:g} ms is no whole number of hops of {listener.hop_ms:g} ms"
            raise BadConfigError(text, where="--detector", mend="tune a detector for this model, or leave --stream out")
        if len(listener.labels) != settings.outputs:
            text = f"a model of {len(listener.labels)} classes for a detector of {settings.outputs}"
            raise BadConfigError(text, where="--detector", mend="use the model that it was tuned for")
        self._source, self._listener, self._settings = source, listener, settings
        self._whole = Whole(round(steps) * listener.hop)
        self._detector = Detector(settings, listener.score_scale)
        self._gate = None if settings.gate is None else GateState(settings.gate)
        self._gain = None if settings.gain is None else GainState(settings.gain)
        self._hops = self._steps = 0

    def push(self, pcm: np.ndarray) -> Iterator[Detection]:
        """Take int16 [n] in; samples behind the last whole step wait for more."""
        listener, size = self._listener, self._whole.size
        for block in self._whole.push(pcm).reshape(-1, size):
            is_open = self._gate is None or self._gate.hear(block)
            scores = listener.scores(block if self._gain is None else self._gain.apply(block))
            self._hops += len(scores)
            self._steps += 1
            if self._hops < listener.warmup:
                continue
            event = self._detector.decide(scores[-1], open_gate=is_open)
            if event is not None:
                time = self._steps * size / listener.spec.sample_rate
                yield Detection(self._source, time, listener.labels[event.output], event.score / ONE)


class Whole:
    """Blocks of any length in, a multiple of ``size`` samples out; the rest waits.

    Args:
        size: samples, at least 1.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._rest = np.zeros(0, np.int16)

    def push(self, pcm: np.ndarray) -> np.ndarray:
        """int16 [n] to int16 [k · size], k ≥ 0."""
        given = np.concatenate([self._rest, pcm])
        whole = len(given) // self.size * self.size
        self._rest = given[whole:]
        return given[:whole]


def heard_of(
    source: str, blocks: Iterable[np.ndarray], hearing: Hearing, rate: int, lost: Callable[[], bool]
) -> Iterator[Decision | Detection | Dropped]:
    """Everything that is said of a stream, as it comes.

    Args:
        source: of the sound.
        blocks: int16 at ``rate`` Hz.
        hearing: takes them.
        rate: of the sound.
        lost: whether sound was lost since it was asked last.
    """
    samples = 0
    for block in blocks:
        samples += len(block)
        yield from hearing.push(block)
        if lost():
            yield Dropped(source, samples / rate)
