"""McNemar's test: do two models that answered the same clips err at different rates?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import DataError


@dataclass(frozen=True)
class McNemar:
    """The clips on which two models disagree, and how surprising their split is.

    Attributes:
        only_a: clips that only the first model gets right.
        only_b: clips that only the second gets right.
        p_value: two-sided, exact: chance of a split at least as uneven if neither model were better; 1 where they
            agree on every clip.
    """

    only_a: int
    only_b: int
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {"only_a": self.only_a, "only_b": self.only_b, "p_value": self.p_value}


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> McNemar:
    """McNemar (1947), in the exact binomial form of Dietterich, "Approximate Statistical Tests" (1998), sec. 3.1.

    It takes clips as independent: with several clips a speaker, read the grouped interval of
    :func:`~edgekit.train.evaluation.bootstrap.paired_bootstrap` beside it.

    Args:
        correct_a: bool [n], whether the first model is right on each clip.
        correct_b: the same of the second, in the same order of clips.

    Raises:
        DataError: different lengths.
    """
    first, second = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    if first.shape != second.shape:
        raise DataError(
            f"{len(first)} answers of one model and {len(second)} of the other", mend="evaluate both on the same clips"
        )
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    return McNemar(only_a, only_b, _two_sided(min(only_a, only_b), only_a + only_b))


def _two_sided(fewer: int, trials: int) -> float:
    """min(1, 2·P[X ≤ fewer]) for X ~ Binomial(trials, 1/2), by logarithms: 2^trials overflows a float."""
    logs = [_log_choose(trials, k) - trials * math.log(2.0) for k in range(fewer + 1)]
    largest = max(logs)
    tail = math.exp(largest) * math.fsum(math.exp(value - largest) for value in logs)
    return min(1.0, 2.0 * tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
