"""Which detector of a word: how long it averages, whether a first stage stands before it, and its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgekit.core.errors import DataError
from edgekit.detect.evaluation import Outcome, joined
from edgekit.detect.operating_point import Point, Trace, choose_point, detection_curve, detector_sums, outcome_at
from edgekit.detect.settings import ONE, DetectorSettings, FirstStage

SMOOTHINGS = (5, 10, 15, 20)
"""Decisions averaged, of which the best is chosen: 0.1 to 0.4 s at a decision every 20 ms."""
REFRACTORY = 60
_FIRST = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)  # thresholds of the first stage that are tried


@dataclass(frozen=True, eq=False)
class Choice:
    """A detector at its operating point.

    Attributes:
        settings: of it.
        point: on the development streams.
        curve: all thresholds that were tried there.
    """

    settings: DetectorSettings
    point: Point
    curve: tuple[Point, ...]


def choose_detector(traces: Sequence[Trace], settings: DetectorSettings, most_per_hour: float) -> Choice:
    """The averaging and threshold with the fewest misses whose false accepts an hour have that upper bound.

    Args:
        traces: of development streams, with and without words.
        settings: whose first stage, if any, is kept.
        most_per_hour: upper end of the 95 % interval.

    Raises:
        DataError: none keeps it.
    """
    found: list[Choice] = []
    problem: DataError | None = None
    for smoothing in SMOOTHINGS:
        curve = detection_curve(traces, smoothing, settings.refractory, settings.first)
        try:
            point = choose_point(curve, most_per_hour, bound=True)
        except DataError as error:
            problem = error
            continue
        found.append(Choice(replace(settings, smoothing=smoothing, thresholds=(point.threshold,)), point, curve))
    if not found and problem is not None:
        raise problem
    return min(found, key=lambda item: item.point.outcome.miss_rate)


def choose_two_stages(
    traces: Sequence[Trace], settings: DetectorSettings, stage: FirstStage, most_per_hour: float
) -> Choice:
    """The same with a first stage, at the one of its thresholds with the fewest misses; of equals the highest.

    Args:
        traces: heard by both models.
        settings: without a first stage.
        stage: what stands before it, its threshold aside.
        most_per_hour: upper end of the 95 % interval.

    Raises:
        DataError: none keeps it.
    """
    found: list[Choice] = []
    problem: DataError | None = None
    for share in _FIRST:
        first = replace(stage, threshold=round(share * ONE))
        try:
            found.append(choose_detector(traces, replace(settings, first=first), most_per_hour))
        except DataError as error:
            problem = error
    if not found and problem is not None:
        raise problem
    return min(reversed(found), key=lambda item: item.point.outcome.miss_rate)


def outcome_of(traces: Sequence[Trace], settings: DetectorSettings) -> Outcome:
    """What a detector does on streams."""
    return joined(
        [
            outcome_at(
                trace,
                detector_sums(trace, settings.smoothing, settings.first),
                settings.thresholds[0],
                settings.smoothing,
                settings.refractory,
            )
            for trace in traces
        ]
    )


def open_share(traces: Sequence[Trace], stage: FirstStage) -> float:
    """Share of the decisions at which the first stage lets the word's model decide."""
    opened = [trace.open(stage) for trace in traces]
    return float(np.concatenate(opened).mean())
