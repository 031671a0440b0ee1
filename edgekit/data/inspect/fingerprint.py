"""Fingerprints of recordings that survive gain, equalisation, resampling and coding, and the search for equal ones.

A fingerprint is how the level of each of 16 bands moves over the sounding part of the recording, the mean of each band
taken off: so two takes of a steady noise have nothing in common, and a copy with another microphone's colour has all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.data.inspect.spectrum import power_frames, window_size

BANDS, SEGMENTS = 16, 24
SIZE = BANDS * SEGMENTS
ALIKE = 0.985
"""Correlation from which two fingerprints count as near-duplicates."""

MAX_CLIPS = 50_000
"""Sets with more clips are not searched: all pairs are compared (6 s for 20,000 clips, growing with the square)."""

_LOWEST, _HIGHEST = 150.0, 3600.0  # Hz: telephone band, which every copy has
_DEPTH_DB = 30.0
_WINDOW_SECONDS = 0.032
_LONGEST_S = 60.0
_SAME_LENGTH = 0.03  # of the longer one
_ROWS = 1024


def fingerprint(signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """The fingerprint and the seconds that it stands for.

    Args:
        signal: float32 [n]; what lies beyond the first minute is not looked at.
        sample_rate: Hz.

    Returns:
        float32 [384] of length 1, or of zeros when nothing moves; and the duration of the sounding part in seconds.
    """
    size = window_size(sample_rate, _WINDOW_SECONDS)
    hop = size // 4
    # With silence around it a recording that starts at once looks like its padded copy.
    short = np.pad(signal[: int(_LONGEST_S * sample_rate)], size)
    edges = np.geomspace(_LOWEST, min(_HIGHEST, 0.45 * sample_rate), BANDS + 1) * size / sample_rate
    weights = _triangles(size // 2 + 1, edges)
    levels = np.concatenate([power @ weights for power in power_frames(short, size, hop)])  # [frames, BANDS]
    loudest = float(levels.sum(axis=1).max())
    if loudest <= 1e-12:
        return np.zeros(SIZE, np.float32), 0.0
    sounding = np.flatnonzero(levels.sum(axis=1) > loudest * 10.0 ** (-_DEPTH_DB / 10.0))
    part = levels[sounding[0] : sounding[-1] + 1]
    seconds = len(part) * hop / sample_rate
    decibels = 10.0 * np.log10(np.maximum(_pool(part), part.max(axis=0) * 10.0 ** (-_DEPTH_DB / 10.0) + 1e-20))
    moving = (decibels - decibels.mean(axis=0)).astype(np.float32).ravel()
    length = float(np.linalg.norm(moving))
    return (moving / length if length > 1.0 else np.zeros(SIZE, np.float32)), seconds


def find_alike(prints: np.ndarray, seconds: np.ndarray, groups: Sequence[object]) -> list[tuple[int, int, float]]:
    """All pairs (i < j, correlation) of near-duplicates that are not of one group (equal recordings).

    Args:
        prints: float32 [clips, 384].
        seconds: float [clips], durations of the sounding parts.
        groups: of each clip: clips of equal audio have equal ones.
    """
    pairs = []
    for first in range(0, len(prints), _ROWS):
        likeness = prints[first : first + _ROWS] @ prints[first:].T
        for row, column in zip(*np.nonzero(likeness >= ALIKE), strict=True):
            i, j = first + int(row), first + int(column)
            longer = max(seconds[i], seconds[j])
            near = abs(seconds[i] - seconds[j]) <= _SAME_LENGTH * longer + 0.02
            if i < j and near and groups[i] != groups[j]:
                pairs.append((i, j, float(likeness[row, column])))
    return pairs


def _triangles(bins: int, edges: np.ndarray) -> np.ndarray:
    """Overlapping triangles around each band, float32 [bins, BANDS]: smooth, so that no bin decides alone."""
    centre = (edges[:-1] + edges[1:]) / 2.0
    width = np.maximum(edges[1:] - edges[:-1], 1.0)
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(bins)[:, None] - centre[None, :]) / width[None, :])
    out: np.ndarray = weights.astype(np.float32)
    return out


def _pool(levels: np.ndarray) -> np.ndarray:
    """Mean power in SEGMENTS equal stretches of time, by interpolation of the running sum: [SEGMENTS, BANDS]."""
    total = np.concatenate([np.zeros((1, levels.shape[1])), np.cumsum(levels, axis=0, dtype=np.float64)])
    place = np.linspace(0.0, len(levels), SEGMENTS + 1)
    left = np.minimum(place.astype(int), len(levels) - 1)
    at = total[left] + (place - left)[:, None] * (total[left + 1] - total[left])
    pooled: np.ndarray = np.diff(at, axis=0) / (len(levels) / SEGMENTS)
    return pooled
