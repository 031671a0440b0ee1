"""Which of two models is faster: measured in turns, by processor time, with an interval for the ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgekit.bench.figures import SLACK_S
from edgekit.bench.model_process import ModelProcess

ROUNDS = 25
BLOCK_S = 0.02
"""Processor time of one turn: long beside the clock's step, short beside most disturbances."""
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Pair:
    """The second model's time as a multiple of the first's.

    Attributes:
        ratio: median over the rounds.
        low, high: interval of that median (order statistics, at least CONFIDENCE).
        rounds: how many turns each had.
    """

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def verdict(self) -> str:
        """What the second is beside the first: "slower", "faster" or "not told apart"."""
        if self.low > 1.0:
            return "slower"
        return "faster" if self.high < 1.0 else "not told apart"


def compare_pair(first: ModelProcess, second: ModelProcess, rounds: int = ROUNDS) -> Pair:
    """Time two loaded models in turns, the order of a round turned from one to the next.

    Processor time, not the clock's, is compared: what else the
    machine does moves it little, and what remains hits both.

    Args:
        first: a process that has run once.
        second: another of the same runner on the same processor.
        rounds: turns of each, at least 8: fewer give no interval of CONFIDENCE.

    Raises:
        TargetError: a process failed.
    """
    runs = _runs(first), _runs(second)
    ratios = []
    for index in range(max(rounds, 8)):
        order = (0, 1) if index % 2 == 0 else (1, 0)
        spent = {which: _turn((first, second)[which], runs[which]) for which in order}
        ratios.append(spent[1] / spent[0])
    low, high = _interval(np.sort(ratios))
    return Pair(float(np.median(ratios)), low, high, len(ratios))


def _runs(process: ModelProcess) -> int:
    once = float(np.median(process.times("model", 3, 5, SLACK_S).cpu))
    return max(1, round(BLOCK_S * 1e9 / max(once, 1.0)))


def _turn(process: ModelProcess, runs: int) -> float:
    """Median processor time of a run, ns; at least one so that ratios exist."""
    return max(float(np.median(process.times("model", 1, runs, SLACK_S).cpu)), 1.0)


def _interval(ordered: np.ndarray) -> tuple[float, float]:
    """The median's interval between order statistics (sign test): the k-th smallest and largest."""
    n, tail, k = len(ordered), 0.0, 0
    while k < n // 2:
        tail += math.comb(n, k) / 2**n
        if tail > (1 - CONFIDENCE) / 2:
            break
        k += 1
    return float(ordered[max(k - 1, 0)]), float(ordered[n - max(k, 1)])
