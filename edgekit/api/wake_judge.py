"""A finished wake word on voices and recordings that neither training nor the choice of its detector had."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.api.wake import DETECTOR, TWO_STAGES, WakeConfig, takes_of, wake_traces
from edgekit.api.wake_data import real, synthesise_words
from edgekit.api.wake_result import curve_json, draw_pictures, outcome_json
from edgekit.core.errors import DataError
from edgekit.core.progress import Progress, silent
from edgekit.detect.choice import Choice, open_share, outcome_of
from edgekit.detect.evaluation import events_above
from edgekit.detect.operating_point import Point, Trace, choose_point, detection_curve, detector_sums
from edgekit.detect.settings import ONE, DetectorSettings, settings_from

_WORST = 12
_LATE_S = 0.3  # an event belongs to what was heard so long before it


@dataclass(frozen=True, eq=False)
class Verdict:
    """A detector on test streams.

    Attributes:
        choice: its settings, its outcome at the threshold chosen on development, and the curve of the test streams.
        read: the test curve's lowest threshold from which on it has no more false accepts an hour than allowed: what
            another threshold would have given, chosen with the test streams at hand; None where there is none.
        opened: share of the negatives in which the first stage lets the word's model decide; 1 without one.
    """

    choice: Choice
    read: Point | None
    opened: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        read = {} if self.read is None else {"threshold": self.read.threshold / ONE, **outcome_json(self.read.outcome)}
        return {
            "detector": self.choice.settings.to_json(),
            "test": outcome_json(self.choice.point.outcome),
            "read_on_test": read or None,
            "open_share": self.opened,
            "curve": curve_json(self.choice.curve),
        }


@dataclass(frozen=True, eq=False)
class Judgement:
    """Both detectors of a word, and what was mistaken for it.

    Attributes:
        single, staged: one model, two stages.
        mistaken: (recording, false accepts while it was heard) of the single detector, most first.
    """

    single: Verdict
    staged: Verdict
    mistaken: tuple[tuple[str, int], ...]


def evaluate_wake(
    folder: str | Path,
    config: WakeConfig,
    negatives: Sequence[str],
    *,
    hours: float = 5.0,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Judgement:
    """Judge a finished detector, and draw ``test_det.svg`` and the other figures beside it.

    Args:
        folder: of :func:`edgekit.api.wake.wake`.
        config: as it was made.
        negatives: real recordings, ``PATH`` or ``PATH?SELECTION``.
        hours: of the stream of negatives; words are placed in ``config.word_minutes`` more.
        cache: folder of decoded audio.
        progress: told about blocks.

    Raises:
        DataError: no recording, or no test voice.
    """
    place = Path(folder)
    words = takes_of(
        synthesise_words(config.set, place / "words", progress),
        config.set.label,
        "test",
        config.set.rate,
        cache,
        progress,
    )
    recordings = real(negatives, config.set.rate, cache, progress)
    traces = wake_traces(place, config, words, [[pcm for _, pcm in recordings]], hours, 7, progress)
    verdicts = [_verdict(traces, _settings(place / name), config.most_per_hour) for name in (DETECTOR, TWO_STAGES)]
    draw_pictures(place, "test", verdicts[0].choice, verdicts[1].choice)
    mistaken = mistaken_recordings(traces[0], verdicts[0].choice.settings, [name for name, _ in recordings])
    return Judgement(verdicts[0], verdicts[1], mistaken)


def mistaken_recordings(trace: Trace, settings: DetectorSettings, names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The recordings that were heard when a stream of negatives led to events, and how often, most first."""
    sums = detector_sums(trace, settings.smoothing, settings.first)
    fired = events_above(sums, settings.thresholds[0], settings.smoothing, settings.refractory)
    starts = [start for start, _ in trace.pieces]
    heard = np.searchsorted(starts, trace.times[fired] - _LATE_S, side="right") - 1
    counts = Counter(names[trace.pieces[int(place)][1]] for place in heard)
    return tuple(counts.most_common(_WORST))


def _settings(path: Path) -> DetectorSettings:
    plain = json.loads(path.read_text("utf-8"))
    return settings_from({k: v for k, v in plain.items() if k not in ("schema_version", "step_ms")})


def _verdict(traces: Sequence[Trace], settings: DetectorSettings, most: float) -> Verdict:
    curve = detection_curve(traces, settings.smoothing, settings.refractory, settings.first)
    chosen = Point(settings.thresholds[0], outcome_of(traces, settings))
    try:
        read: Point | None = choose_point(curve, most)
    except DataError:
        read = None
    opened = 1.0 if settings.first is None else open_share(traces[:1], settings.first)
    return Verdict(Choice(settings, chosen, curve), read, opened)
