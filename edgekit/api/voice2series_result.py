"""What the reprogramming of one time series problem gives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """One way to reprogram, and what it gave.

    Attributes:
        placement: "pad" or "repeat".
        each: source classes a class.
        trained_parameters: samples of the program that act.
        train_accuracy: on the training series.
        test_accuracy: on the test series; not used to choose.
        distance: sliced Wasserstein-1 between the latents of the source's data and of the programmed training series.
        distance_before: the same before the program was trained.
        bound: source risk + 2·√K · distance.
    """

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
        source_risk: share of its own clips that the source gets wrong.
        candidates: in the order in which they were tried.
        chosen: place of the one with the smallest distance.
    """

    problem: str
    classes: int
    train: int
    test: int
    source_risk: float
    candidates: tuple[Candidate, ...]
    chosen: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {**dataclasses.asdict(self), "candidates": [dataclasses.asdict(item) for item in self.candidates]}
