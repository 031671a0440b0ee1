"""From what an activation was seen to hold, the range that its int8 values shall cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LEVELS = 255
"""Steps between the 256 int8 values."""

PERCENTILE = 99.99
"""Share of the values, in percent, that the percentile observer keeps (half of the rest at each end)."""

_SHRINKS = np.linspace(0.2, 1.0, 33)
_SMOOTHING = 1e-4
"""Share of a count that a level without values gets where the clipped tail puts some: a divergence stays finite."""


@dataclass(frozen=True)
class Range:
    """Real values from ``low`` to ``high``, 0 always inside, so that 0 is exactly an int8 value."""

    low: float
    high: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", min(float(self.low), 0.0))
        object.__setattr__(self, "high", max(float(self.high), 0.0))

    def union(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True, eq=False)
class Histogram:
    """Values of one tensor over all calibration clips.

    Attributes:
        low, high: smallest and largest value seen.
        counts: int64 [bins], equal bins from ``low`` to ``high``.
    """

    low: float
    high: float
    counts: np.ndarray

    @property
    def centers(self) -> np.ndarray:
        """Middle of each bin, float64 [bins]."""
        step = (self.high - self.low) / self.counts.size
        return self.low + step * (np.arange(self.counts.size) + 0.5)


Observer = Callable[[Histogram], Range]


def min_max(histogram: Histogram) -> Range:
    """Everything that was seen."""
    return Range(histogram.low, histogram.high)


def percentile(histogram: Histogram) -> Range:
    """All but the outermost 0.01 % of the values."""
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    tail = (100.0 - PERCENTILE) / 200.0
    first, last = np.searchsorted(share, tail, side="right"), np.searchsorted(share, 1.0 - tail)
    step = (histogram.high - histogram.low) / histogram.counts.size
    return Range(histogram.low + first * step, min(histogram.high, histogram.low + (last + 1) * step))


def mean_squared_error(histogram: Histogram) -> Range:
    """The range whose int8 values are nearest to the seen ones in the mean square, clipping included."""
    seen = histogram.counts > 0
    values, counts = histogram.centers[seen], histogram.counts[seen]
    return _searched(histogram, lambda extent: _rounding_error(values, counts, extent))


def entropy(histogram: Histogram) -> Range:
    """The range whose int8 values keep most of the distribution: least Kullback-Leibler divergence.

    What lies outside counts at the ends; inside, a level's count is spread over the bins that had any (Migacz, "8-bit
    Inference with TensorRT", 2017, with both ends searched as by the mse observer).
    """
    return _searched(histogram, lambda extent: _divergence(histogram, extent))


def _searched(histogram: Histogram, error: Callable[[Range], float]) -> Range:
    """Each end in turn, twice, at 33 shares of its extreme, from a fifth to the whole."""
    best = full = min_max(histogram)
    for _ in range(2):
        highs = [Range(best.low, full.high * share) for share in _SHRINKS]
        best = min(highs, key=error)
        lows = [Range(full.low * share, best.high) for share in _SHRINKS]
        best = min(lows, key=error)
    return best


def _divergence(histogram: Histogram, extent: Range) -> float:
    """KL(seen ‖ as int8 keeps it), in nats."""
    step = (extent.high - extent.low) / LEVELS
    if step <= 0:
        return float("inf")
    centers = histogram.centers
    inside = (centers >= extent.low) & (centers <= extent.high)
    if not inside.any():
        return float("inf")
    kept = histogram.counts[inside].astype(np.float64)
    seen = kept.copy()
    seen[0] += histogram.counts[centers < extent.low].sum()
    seen[-1] += histogram.counts[centers > extent.high].sum()
    levels = np.rint((centers[inside] - extent.low) / step).astype(np.int64)
    occupied = (kept > 0).astype(np.float64)
    share = np.bincount(levels, kept, LEVELS + 1) / np.maximum(np.bincount(levels, occupied, LEVELS + 1), 1.0)
    spread = np.maximum(share[levels] * occupied, _SMOOTHING * (seen > 0))
    seen, spread = seen / seen.sum(), spread / spread.sum()
    some = seen > 0
    return float(np.sum(seen[some] * np.log(seen[some] / spread[some])))


def _rounding_error(values: np.ndarray, counts: np.ndarray, extent: Range) -> float:
    step = (extent.high - extent.low) / LEVELS
    if step <= 0:
        return float("inf")
    nearest = np.clip(np.rint(values / step), np.rint(extent.low / step), np.rint(extent.high / step)) * step
    return float(counts @ np.square(values - nearest))


OBSERVERS: dict[str, Observer] = {
    "minmax": min_max,
    "percentile": percentile,
    "mse": mean_squared_error,
    "entropy": entropy,
}
"""Observers by the name that ``edgekit quantize --observer`` takes."""
