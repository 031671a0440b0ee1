"""Bootstrap intervals of accuracies and of the difference of two models on the same clips.

Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), percentile intervals (ch. 13). The unit that is drawn
with replacement is the clip or, with ``groups``, everything of one speaker or one recording: clips of one speaker
succeed and fail together, and an interval over single clips is then too narrow.

Where all clips are right (or wrong) every resample is the same and the interval has no width: that says nothing
about clips not seen. Few groups give a coarse interval; :attr:`Interval.units` says how many there were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import BadConfigError, DataError

RESAMPLES = 2000
LEVEL = 0.95
_DRAWS_A_KIND = 24  # a count of a multinomial takes about as long as this many single draws


@dataclass(frozen=True)
class Interval:
    """An estimate and where its bootstrap resamples lie.

    Attributes:
        value: the estimate on the clips themselves.
        low: lower end.
        high: upper end.
        level: share of the resamples between the ends.
        units: clips, or groups of clips, that were drawn.
        resamples: how often.
    """

    value: float
    low: float
    high: float
    level: float
    units: int
    resamples: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "units": self.units,
            "resamples": self.resamples,
        }


def bootstrap_mean(
    values: np.ndarray,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of the mean of one number a clip: of accuracy for bool ``values``, of log loss for losses.

    Args:
        values: bool or float [n], finite.
        groups: what each clip belongs to, [n]; whole groups are drawn then. Each clip alone if None.
        seed: of the draws; the same seed gives the same interval.
        level: share of the resamples that the interval holds, between 0 and 1.
        resamples: how many.

    Raises:
        DataError: no clip, a value that is not finite, ``groups`` of another length, or only one group.
        BadConfigError: ``level`` or ``resamples`` out of range.
    """
    numerators = np.asarray(values, np.float64)[:, None]
    return _interval(numerators, np.ones_like(numerators), groups, seed, level, resamples)


def bootstrap_macro_accuracy(
    correct: np.ndarray,
    targets: np.ndarray,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of the mean over classes of each class's accuracy; a resample without a class leaves that class out.

    Args:
        correct: bool [n].
        targets: int [n], the true class of each clip.
        groups: as for :func:`bootstrap_mean`.
        seed: as for :func:`bootstrap_mean`.
        level: as for :func:`bootstrap_mean`.
        resamples: as for :func:`bootstrap_mean`.

    Raises:
        DataError, BadConfigError: as :func:`bootstrap_mean`.
    """
    right, classes = np.asarray(correct, np.float64), np.asarray(targets)
    if right.shape != classes.shape:
        raise DataError(f"{len(right)} answers for {len(classes)} clips", mend="give one answer a clip")
    members = (classes[:, None] == np.unique(classes)).astype(np.float64)  # [n, classes]
    return _interval(members * right[:, None], members, groups, seed, level, resamples)


def paired_bootstrap(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of accuracy(b) − accuracy(a), two models on the same clips: a fall from a to b is negative.

    Each resample draws clips and takes both models' answers to them, so that what makes a clip hard for both does not
    widen the interval. Losses instead of answers give the difference of mean losses.

    Args:
        correct_a: bool (or float) [n], whether the first model is right on each clip.
        correct_b: the same of the second model, in the same order of clips.
        groups: as for :func:`bootstrap_mean`.
        seed: as for :func:`bootstrap_mean`.
        level: as for :func:`bootstrap_mean`.
        resamples: as for :func:`bootstrap_mean`.

    Raises:
        DataError: answers of different lengths; otherwise as :func:`bootstrap_mean`.
        BadConfigError: as :func:`bootstrap_mean`.
    """
    first, second = np.asarray(correct_a, np.float64), np.asarray(correct_b, np.float64)
    if first.shape != second.shape:
        raise DataError(
            f"{len(first)} answers of one model and {len(second)} of the other", mend="evaluate both on the same clips"
        )
    return bootstrap_mean(second - first, groups, seed, level=level, resamples=resamples)


def _interval(
    numerators: np.ndarray,
    weights: np.ndarray,
    groups: Sequence[str] | None,
    seed: int,
    level: float,
    resamples: int,
) -> Interval:
    """Interval of the mean over columns of Σ numerators / Σ weights, both float64 [n, K]."""
    if not 0.0 < level < 1.0 or resamples < 1:
        raise BadConfigError(f"level {level} or {resamples} resamples", mend="use a level in (0, 1), 1,000 or more")
    if len(numerators) == 0 or not np.isfinite(numerators).all():
        raise DataError("no clip, or a value that is not finite", where="bootstrap", mend="check the selection")
    table = np.concatenate([numerators, weights], axis=1)
    if groups is not None:
        table = _sum_groups(table, groups)
    means = _resampled(table, np.random.default_rng(seed), resamples)
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    value = _mean_ratio(table.sum(axis=0, keepdims=True))[0]
    return Interval(float(value), float(low), float(high), level, len(table), resamples)


def _sum_groups(table: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Rows of the same group added up: float64 [groups, 2K]."""
    if len(groups) != len(table):
        raise DataError(f"{len(groups)} groups for {len(table)} clips", mend="name the group of each clip")
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise DataError(f"all clips belong to {str(names[0])!r}", where="bootstrap", mend="draw single clips instead")
    summed = np.zeros((len(names), table.shape[1]))
    np.add.at(summed, index, table)
    return summed


def _resampled(table: np.ndarray, draw: np.random.Generator, resamples: int) -> np.ndarray:
    """The statistic of each resample of units [U, 2K], float64 [resamples]."""
    units = len(table)
    kinds, counts = np.unique(table, axis=0, return_counts=True)
    if len(kinds) * _DRAWS_A_KIND > units:
        columns = np.ascontiguousarray(table.T)  # products along memory
        times = (np.bincount(draw.integers(0, units, units), minlength=units) for _ in range(resamples))
        return _mean_ratio(np.stack([columns @ drawn.astype(np.float64) for drawn in times]))
    # Units that are alike are drawn together: the counts of a resample are multinomial over the kinds of units, so that
    # the answers of a million clips, which are right or wrong, cost no more than those of ten.
    return _mean_ratio(draw.multinomial(units, counts / units, size=resamples) @ kinds)


def _mean_ratio(sums: np.ndarray) -> np.ndarray:
    """[B, 2K] sums of numerators and weights → [B] means of the ratios whose weight is not 0."""
    columns = sums.shape[1] // 2
    numerators, weights = sums[:, :columns], sums[:, columns:]
    present = weights > 0
    ratios = np.divide(numerators, weights, out=np.zeros_like(numerators), where=present)
    out: np.ndarray = ratios.sum(axis=1) / present.sum(axis=1)
    return out
