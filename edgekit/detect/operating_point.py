"""The operating point: the threshold at which a development stream has no more false accepts an hour than allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import BadConfigError, DataError
from edgekit.detect.evaluation import (
    Outcome,
    Truth,
    candidate_thresholds,
    events_above,
    joined,
    match_events,
    poisson_interval,
    smoothed,
)
from edgekit.detect.settings import FirstStage


@dataclass(frozen=True, eq=False)
class Trace:
    """What a model said to one stream.

    Attributes:
        shares: int32 [T], probability of the keyword at each decision, in 1/32768.
        times: float64 [T], seconds from the stream's start to the end of what the decision heard.
        words: placed in the stream, by start.
        seconds: length of the stream.
        first: int32 [T], the same of the first stage's model; None without one.
        pieces: where in the background each recording begins, in seconds, and its number.
    """

    shares: np.ndarray
    times: np.ndarray
    words: tuple[Truth, ...]
    seconds: float
    first: np.ndarray | None = None
    pieces: tuple[tuple[float, int], ...] = ()

    def open(self, stage: FirstStage) -> np.ndarray:
        """Bool [T], decisions at which the first stage is open.

        Raises:
            BadConfigError: the stream was heard without one.
        """
        if self.first is None:
            raise BadConfigError("the stream was heard by one model", where="first stage")
        above = smoothed(self.first[:, None], stage.smoothing)[:, 0] >= stage.threshold * stage.smoothing
        latest = np.maximum.accumulate(np.where(above, np.arange(len(above)), -stage.hold))
        return np.arange(len(above)) - latest < stage.hold


@dataclass(frozen=True)
class Point:
    """One point of the curve.

    Attributes:
        threshold: mean probability in 1/32768.
        outcome: over all streams.
    """

    threshold: int
    outcome: Outcome


def detection_curve(
    traces: Sequence[Trace], smoothing: int, refractory: int, first: FirstStage | None = None
) -> tuple[Point, ...]:
    """Outcomes over thresholds, ascending (a DET curve): the higher, the fewer false accepts and the more misses."""
    sums = [detector_sums(trace, smoothing, first) for trace in traces]
    points = []
    for threshold in candidate_thresholds():
        outcomes = [
            outcome_at(trace, total, int(threshold), smoothing, refractory)
            for trace, total in zip(traces, sums, strict=True)
        ]
        points.append(Point(int(threshold), joined(outcomes)))
    return tuple(points)


def detector_sums(trace: Trace, smoothing: int, first: FirstStage | None = None) -> np.ndarray:
    """Sums that a detector compares, int64 [T]; −1 where it cannot detect: its average is not full, or it is closed."""
    sums = smoothed(trace.shares[:, None], smoothing)[:, 0]
    if first is None:
        return sums
    is_open = trace.open(first)
    number = np.arange(len(is_open))
    closed = np.maximum.accumulate(np.where(is_open, -1, number))
    return np.where(number - closed >= smoothing, sums, -1)


def outcome_at(trace: Trace, sums: np.ndarray, threshold: int, smoothing: int, refractory: int) -> Outcome:
    """What a detector at one threshold does on one stream."""
    fired = events_above(sums, threshold, smoothing, refractory)
    return match_events([float(time) for time in trace.times[fired]], trace.words, trace.seconds)


def choose_point(curve: Sequence[Point], most_per_hour: float, *, bound: bool = False) -> Point:
    """The lowest threshold from which on no more false accepts an hour occur than allowed.

    Args:
        curve: of :func:`detection_curve`.
        most_per_hour: false accepts.
        bound: compare the upper end of the rate's 95 % interval, not the rate itself: three and a half hours without
            any false accept, or six with one, are needed for one an hour.

    Raises:
        DataError: none keeps them.
    """
    kept: Point | None = None
    for point in reversed(curve):
        if _rate(point.outcome, bound) > most_per_hour:
            break
        kept = point
    if kept is None:
        best = min(_rate(point.outcome, bound) for point in curve)
        named = "upper bound of the best is" if bound else "best has"
        text = f"no threshold keeps {most_per_hour:g} false accepts an hour; the {named} {best:.2f}"
        mend = "train longer, with more negatives, listen to more hours, or allow more"
        raise DataError(text, where="development stream", mend=mend)
    return kept


def _rate(outcome: Outcome, bound: bool) -> float:
    if not bound or not outcome.hours:
        return outcome.false_accepts_per_hour
    return poisson_interval(outcome.false_accepts, outcome.hours)[1]
