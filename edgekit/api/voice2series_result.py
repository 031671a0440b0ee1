"""What the reprogramming of one time series problem gives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """One way to reprogram, and what it gave.

    Attributes:
        source: architecture of the frozen model.
        source_risk: share of its own clips that it gets wrong.
        placement: "pad" or "repeat".
        each: source classes a class.
        trained_parameters: samples of the program that act.
        train_accuracy: on the training series.
        test_accuracy: on the test series; not used to choose.
        distance: sliced Wasserstein-1 of the source's logits, of its own data against the programmed training series.
        distance_before: the same before the program was trained.
        bound: source risk + 2·√K · distance.
    """

    source: str
    source_risk: float
    placement: str
    each: int
    trained_parameters: int
    train_accuracy: float
    test_accuracy: float
    distance: float
    distance_before: float
    bound: float


@dataclass(frozen=True)
class Voice2SeriesResult:
    """What was tried on one problem.

    Attributes:
        problem: its name.
        classes, train, test: sizes.
        candidates: in the order in which they were tried.
        chosen: place of the one with the smallest bound.
    """

    problem: str
    classes: int
    train: int
    test: int
    candidates: tuple[Candidate, ...]
    chosen: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {**dataclasses.asdict(self), "candidates": [dataclasses.asdict(item) for item in self.candidates]}
