"""The baseline of the UCR archive: one nearest neighbour under dynamic time warping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def dtw_distances(one: np.ndarray, others: np.ndarray, band: int) -> np.ndarray:
    """Squared-error DTW of one series to many, within a Sakoe-Chiba band.

    Args:
        one: float [length].
        others: float [N, length].
        band: how far the path may leave the diagonal, in samples; at least 1.

    Returns:
        float64 [N], the sum of squared differences along the best path.
    """
    count, length = others.shape
    previous = np.full((count, length + 1), np.inf)
    previous[:, 0] = 0.0
    for row in range(1, length + 1):
        current = np.full((count, length + 1), np.inf)
        first, last = max(1, row - band), min(length, row + band)
        cost = (others[:, first - 1 : last] - one[row - 1]) ** 2
        best = np.minimum(previous[:, first - 1 : last], previous[:, first : last + 1])
        left = current[:, first - 1]
        for place in range(last - first + 1):
            left = cost[:, place] + np.minimum(best[:, place], left)
            current[:, first + place] = left
        previous = current
    return np.asarray(previous[:, length])


def nearest_neighbour(
    train: Sequence[np.ndarray], targets: np.ndarray, test: Sequence[np.ndarray], share: float = 0.1
) -> np.ndarray:
    """Class of the nearest training series for each test series; all are stretched to the longest length.

    Args:
        train: series, float [length].
        targets: int [N], their classes.
        test: series.
        share: the band as a share of the length.
    """
    length = max(len(item) for item in (*train, *test))
    known = np.stack([_stretched(item, length) for item in train])
    band = max(1, round(share * length))
    told = [targets[int(dtw_distances(_stretched(item, length), known, band).argmin())] for item in test]
    return np.array(told, np.int64)


def _stretched(item: np.ndarray, length: int) -> np.ndarray:
    if len(item) == length:
        return item
    out: np.ndarray = np.interp(np.linspace(0, len(item) - 1, length), np.arange(len(item)), item)
    return out
