"""The operating point: the threshold at which a development stream has no more false accepts an hour than allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DataError
from edgekit.detect.evaluation import Outcome, Truth, candidate_thresholds, events_above, joined, match_events, smoothed


@dataclass(frozen=True, eq=False)
class Trace:
    """What a model said to one stream.

    Attributes:
        shares: int32 [T], probability of the keyword at each decision, in 1/32768.
        times: float64 [T], seconds from the stream's start to the end of what the decision heard.
        words: placed in the stream, by start.
        seconds: length of the stream.
    """

    shares: np.ndarray
    times: np.ndarray
    words: tuple[Truth, ...]
    seconds: float


@dataclass(frozen=True)
class Point:
    """One point of the curve.

    Attributes:
        threshold: mean probability in 1/32768.
        outcome: over all streams.
    """

    threshold: int
    outcome: Outcome


def detection_curve(traces: Sequence[Trace], smoothing: int, refractory: int) -> tuple[Point, ...]:
    """Outcomes over thresholds, ascending (a DET curve): the higher, the fewer false accepts and the more misses."""
    sums = [smoothed(trace.shares[:, None], smoothing)[:, 0] for trace in traces]
    points = []
    for threshold in candidate_thresholds():
        outcomes = [
            outcome_at(trace, total, int(threshold), smoothing, refractory)
            for trace, total in zip(traces, sums, strict=True)
        ]
        points.append(Point(int(threshold), joined(outcomes)))
    return tuple(points)


def outcome_at(trace: Trace, sums: np.ndarray, threshold: int, smoothing: int, refractory: int) -> Outcome:
    """What a detector at one threshold does on one stream."""
    fired = events_above(sums, threshold, smoothing, refractory)
    return match_events([float(time) for time in trace.times[fired]], trace.words, trace.seconds)


def choose_point(curve: Sequence[Point], most_per_hour: float) -> Point:
    """The lowest threshold from which on no more false accepts an hour occur than allowed.

    Raises:
        DataError: none keeps them.
    """
    kept: Point | None = None
    for point in reversed(curve):
        if point.outcome.false_accepts_per_hour > most_per_hour:
            break
        kept = point
    if kept is None:
        best = min(point.outcome.false_accepts_per_hour for point in curve)
        text = f"no threshold keeps {most_per_hour:g} false accepts an hour; the best has {best:.2f}"
        raise DataError(text, where="development stream", mend="train longer, with more negatives, or allow more")
    return kept
