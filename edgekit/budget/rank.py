"""The ranking of DCASE 2023 Task 1: accuracy, memory and work together, by ranks.

Score = 0.5 · R_acc + 0.25 · R_mem + 0.25 · R_mac, where the R are a system's ranks among all submissions: by accuracy
(highest first), by parameter memory and by multiply-accumulates (lowest first). The lowest score wins. Source: the
challenge's page, Evaluation and ranking. The page does not say how ties rank: here equal systems share the best of
their ranks and the next rank is left out (1, 2, 2, 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.errors import BadConfigError

WEIGHTS = (0.50, 0.25, 0.25)
"""Weights of the ranks by accuracy, memory and multiply-accumulates."""


@dataclass(frozen=True)
class Submission:
    """One system.

    Attributes:
        name: as in the table.
        accuracy: share from 0 to 1.
        memory: parameter memory in bytes.
        macs: multiply-accumulates of one clip, in the challenge's counting.
    """

    name: str
    accuracy: float
    memory: int
    macs: int


@dataclass(frozen=True)
class Ranked:
    """One system with its ranks, its score and its place by score."""

    submission: Submission
    place: int
    score: float
    by_accuracy: int
    by_memory: int
    by_macs: int

    def to_json(self) -> dict[str, Any]:
        """One row of ``edgekit budget rank --format json``."""
        system = self.submission
        return {
            "place": self.place,
            "name": system.name,
            "score": self.score,
            "accuracy": {"value": system.accuracy, "rank": self.by_accuracy},
            "memory_bytes": {"value": system.memory, "rank": self.by_memory},
            "macs": {"value": system.macs, "rank": self.by_macs},
        }


def rank(submissions: Sequence[Submission]) -> tuple[Ranked, ...]:
    """All systems, the best first; ties of the score stand in the order given.

    Raises:
        BadConfigError: fewer than two systems, or two of one name.
    """
    names = [system.name for system in submissions]
    if len(names) < 2:
        raise BadConfigError("a ranking needs two submissions or more", mend="add rows to the file")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadConfigError(f"two submissions are called {twice!r}", mend="give each a name of its own")
    by_accuracy = _ranks([-system.accuracy for system in submissions])
    by_memory = _ranks([system.memory for system in submissions])
    by_macs = _ranks([system.macs for system in submissions])
    ranks = list(zip(by_accuracy, by_memory, by_macs, strict=True))
    scores = [sum(weight * one for weight, one in zip(WEIGHTS, three, strict=True)) for three in ranks]
    places = _ranks(scores)
    rows = [
        Ranked(system, place, score, *three)
        for system, place, score, three in zip(submissions, places, scores, ranks, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.place))


def _ranks(values: Sequence[float]) -> list[int]:
    """1 + the number of smaller values."""
    return [1 + sum(other < value for other in values) for value in values]
