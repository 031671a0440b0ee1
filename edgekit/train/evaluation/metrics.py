"""Accuracy, macro accuracy, log loss and confusion of predicted probabilities, overall and by group."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import DataError

_SMALLEST = 1e-15  # what log loss clips probabilities to, as DCASE and scikit-learn do


@dataclass(frozen=True)
class Scores:
    """Numbers of one set of clips.

    Attributes:
        clips: how many.
        accuracy: share of clips whose most probable class is right (the first of equals counts).
        macro_accuracy: mean over the classes present of the share of right clips.
        log_loss: mean of −ln of the right class's probability, clipped to 1e-15.
    """

    clips: int
    accuracy: float
    macro_accuracy: float
    log_loss: float

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {
            "clips": self.clips,
            "accuracy": self.accuracy,
            "macro_accuracy": self.macro_accuracy,
            "log_loss": self.log_loss,
        }


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis, float64."""
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=-1, keepdims=True)
    exponents = np.exp(shifted)
    out: np.ndarray = exponents / exponents.sum(axis=-1, keepdims=True)
    return out


def score(targets: np.ndarray, probabilities: np.ndarray) -> Scores:
    """Scores of int targets [n] and probabilities [n, classes].

    Raises:
        DataError: no clip.
    """
    if len(targets) == 0:
        raise DataError("no clip to score", mend="check the selection")
    right = probabilities.argmax(axis=1) == targets
    present = np.unique(targets)
    return Scores(
        clips=len(targets),
        accuracy=float(right.mean()),
        macro_accuracy=float(np.mean([right[targets == c].mean() for c in present])),
        log_loss=float(log_losses(targets, probabilities).mean()),
    )


def log_losses(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """−ln of each clip's probability of its true class, clipped to 1e-15: float64 [n]."""
    own = probabilities[np.arange(len(targets)), targets]
    out: np.ndarray = -np.log(np.clip(own, _SMALLEST, 1.0))
    return out


def confusion_matrix(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """int64 [classes, classes]: rows are true classes, columns predicted ones."""
    classes = probabilities.shape[1]
    flat = np.bincount(targets * classes + probabilities.argmax(axis=1), minlength=classes * classes)
    return flat.reshape(classes, classes)


def by_group(targets: np.ndarray, probabilities: np.ndarray, groups: Sequence[str | None]) -> dict[str, Scores]:
    """Scores of each group's clips by group name, sorted; clips without a group are left out."""
    names = sorted({group for group in groups if group is not None})
    number = {name: at for at, name in enumerate(names)}
    index = np.array([-1 if group is None else number[group] for group in groups], np.int64)
    order = np.argsort(index, kind="stable")  # sorted once: data sets have thousands of speakers
    starts = np.searchsorted(index[order], np.arange(len(names) + 1))
    members = (order[first:last] for first, last in itertools.pairwise(starts))
    return {name: score(targets[own], probabilities[own]) for name, own in zip(names, members, strict=True)}
