"""Events against the truth: misses, false accepts an hour with bounds, latency, and the curve over thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgekit.detect.settings import ONE

TOLERANCE_S = 0.8
"""An event up to so long after a word's end counts for it: smoothing and the model's window come after the word."""


@dataclass(frozen=True)
class Truth:
    """A word in a stream, in seconds.

    Attributes:
        start, end: of the word.
        group: what it is reported under, such as its signal-to-noise ratio.
    """

    start: float
    end: float
    group: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a detector did on a stream.

    Attributes:
        hours: of the stream.
        words: placed.
        hits: of them detected.
        false_accepts: events that belong to no word.
        latencies: seconds from a word's end to its event, for each hit (negative: before its end).
        groups: words and hits of each group.
    """

    hours: float
    words: int
    hits: int
    false_accepts: int
    latencies: tuple[float, ...]
    groups: dict[str, tuple[int, int]]

    @property
    def miss_rate(self) -> float:
        """Share of the words without an event; 0 without words."""
        return 1.0 - self.hits / self.words if self.words else 0.0

    @property
    def false_accepts_per_hour(self) -> float:
        """Mean."""
        return self.false_accepts / self.hours if self.hours else math.inf


def match_events(events: Sequence[float], words: Sequence[Truth], seconds: float) -> Outcome:
    """Give each event to the first word without one that it lies in, or follows within :data:`TOLERANCE_S`.

    Args:
        events: times in seconds, ascending.
        words: by start, not overlapping.
        seconds: length of the stream.
    """
    taken: dict[int, float] = {}
    false = 0
    first = 0
    for time in events:
        while first < len(words) and words[first].end + TOLERANCE_S < time:
            first += 1
        found = next(
            (i for i in range(first, len(words)) if words[i].start <= time <= words[i].end + TOLERANCE_S), None
        )
        if found is None:
            false += 1
        elif found not in taken:
            taken[found] = time - words[found].end
    groups: dict[str, tuple[int, int]] = {}
    for number, word in enumerate(words):
        count, hits = groups.get(word.group, (0, 0))
        groups[word.group] = (count + 1, hits + (number in taken))
    return Outcome(seconds / 3600.0, len(words), len(taken), false, tuple(taken.values()), groups)


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Several streams as one."""
    groups: dict[str, tuple[int, int]] = {}
    for outcome in outcomes:
        for name, (count, hits) in outcome.groups.items():
            before = groups.get(name, (0, 0))
            groups[name] = (before[0] + count, before[1] + hits)
    return Outcome(
        sum(item.hours for item in outcomes),
        sum(item.words for item in outcomes),
        sum(item.hits for item in outcomes),
        sum(item.false_accepts for item in outcomes),
        tuple(value for item in outcomes for value in item.latencies),
        groups,
    )


def poisson_interval(count: int, exposure: float, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a rate (Garwood 1936) from ``count`` events in ``exposure``, such as hours.

    The bounds are the means at which at least, and at most, so many events have the probability (1 − level)/2.
    """
    low, high = _mean_bounds(count, level)
    return low / exposure, high / exposure


@lru_cache(maxsize=4096)
def _mean_bounds(count: int, level: float) -> tuple[float, float]:
    tail = (1.0 - level) / 2.0
    low = 0.0 if count == 0 else _solve(lambda mean: 1.0 - _poisson_below(count - 1, mean) - tail, count)
    return low, _solve(lambda mean: tail - _poisson_below(count, mean), count)


def _poisson_below(count: int, mean: float) -> float:
    """P(N ≤ count) for a Poisson variable of that mean."""
    if mean == 0:
        return 1.0
    # log(k!) by sums of logarithms, exact enough for the counts of a stream
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    logs = np.arange(count + 1) * math.log(mean) - mean - factorials
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))


def _solve(rising: Callable[[float], float], count: int) -> float:
    """Where a rising function of the mean crosses 0, by bisection."""
    low, high = 0.0, count + 10.0 * math.sqrt(count + 1.0) + 10.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def smoothed(shares: np.ndarray, smoothing: int) -> np.ndarray:
    """Means as the detector forms them, less its emptying after an event: int32 [T, K] → int64 [T, K] of sums.

    The first ``smoothing − 1`` decisions, at which it does not detect, are −1.
    """
    sums = np.cumsum(shares.astype(np.int64), axis=0)
    out = np.full(shares.shape, -1, np.int64)
    if len(shares) >= smoothing:
        out[smoothing - 1] = sums[smoothing - 1]
        out[smoothing:] = sums[smoothing:] - sums[:-smoothing]
    return out


def events_above(sums: np.ndarray, threshold: int, smoothing: int, refractory: int) -> np.ndarray:
    """Decisions at which a detector of one keyword fires: int64, ascending.

    After an event it rests for ``refractory`` decisions and its average is empty for ``smoothing``.

    Args:
        sums: int64 [T], of :func:`smoothed`.
        threshold: mean probability in 1/32768.
        smoothing: decisions whose probabilities are averaged.
        refractory: decisions of rest after an event.
    """
    above = np.flatnonzero(sums >= threshold * smoothing)
    out: list[int] = []
    free = 0
    gap = max(refractory + 1, smoothing)
    while True:
        place = int(np.searchsorted(above, free))
        if place == len(above):
            return np.array(out, np.int64)
        out.append(int(above[place]))
        free = out[-1] + gap


def candidate_thresholds(count: int = 96) -> np.ndarray:
    """Thresholds to try, even in the log-odds from 0.05 to the largest below 1: int64, ascending."""
    odds = np.geomspace(0.05 / 0.95, 2.0 * ONE, count)
    return np.unique(np.clip(np.rint(odds / (1.0 + odds) * ONE), 1, ONE - 1).astype(np.int64))
