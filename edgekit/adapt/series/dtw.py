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
    length = others.shape[1]
    columns = np.ascontiguousarray(others.T)  # [length, N]
    # three anti-diagonals of the table, by row: a cell needs those left, above and left above it
    before, last, current = (np.full((length + 2, len(others)), np.inf) for _ in range(3))
    before[0] = 0.0
    for diagonal in range(2, 2 * length + 1):
        low = max(1, diagonal - length, -(-(diagonal - band) // 2))
        high = min(length, diagonal - 1, (diagonal + band) // 2)
        rows = np.arange(low, high + 1)
        cost = (columns[diagonal - rows - 1] - one[rows - 1, None]) ** 2
        reached = np.minimum(np.minimum(last[low - 1 : high], last[low : high + 1]), before[low - 1 : high])
        current[low : high + 1] = cost + reached
        current[low - 1] = current[high + 1] = np.inf
        before, last, current = last, current, before
    return np.asarray(last[length])


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
