"""Accuracy of each class on each device (or speaker, fold, split), and its spread over seen and unseen ones.

The form of the thesis' table 5.3: a device is seen where training had clips of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ALL_CLASSES = "all classes"
"""Name of the row over all clips of a group."""


@dataclass(frozen=True)
class Spread:
    """Accuracies of several groups, each counting once.

    Attributes:
        groups: how many have clips.
        mean: of their accuracies; None where there is none.
        std: sample standard deviation (n − 1); None where there are fewer than two.
    """

    groups: int
    mean: float | None
    std: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {"groups": self.groups, "mean": self.mean, "std": self.std}


@dataclass(frozen=True)
class CrossRow:
    """One class (or all) over the groups.

    Attributes:
        accuracy: share of right clips of each group; None where it has no clip of this class.
        clips: how many each group has.
        spreads: over the groups "seen" and "unseen" in training, or over "all" where that is not known; sets that hold
            no group are left out.
    """

    accuracy: tuple[float | None, ...]
    clips: tuple[int, ...]
    spreads: Mapping[str, Spread]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        spreads = {name: spread.to_json() for name, spread in self.spreads.items()}
        return {"accuracy": list(self.accuracy), "clips": list(self.clips), "spreads": spreads}


@dataclass(frozen=True)
class CrossTable:
    """Classes × groups.

    Attributes:
        name: of the grouping: "device", "speaker", "fold" or "split".
        groups: in the order of the columns, sorted.
        seen: for each group whether training had clips of it; None where that is not known.
        rows: by class name, :data:`ALL_CLASSES` last.
    """

    name: str
    groups: tuple[str, ...]
    seen: tuple[bool, ...] | None
    rows: Mapping[str, CrossRow]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {
            "groups": list(self.groups),
            "seen": None if self.seen is None else list(self.seen),
            "rows": {name: row.to_json() for name, row in self.rows.items()},
        }


def cross_table(
    name: str,
    labels: Sequence[str],
    targets: np.ndarray,
    right: np.ndarray,
    groups: Sequence[str | None],
    trained_on: Collection[str] | None = None,
) -> CrossTable | None:
    """The table of int targets [n], bool right [n] and the group of each clip; None where no clip has a group.

    Args:
        name: of the grouping.
        labels: class names by index.
        targets: true classes.
        right: whether the model was.
        groups: of each clip; None for a clip that does not say.
        trained_on: groups of the training clips; None where they are not known.
    """
    names = sorted({group for group in groups if group is not None})
    if not names:
        return None
    column = {group: number for number, group in enumerate(names)}
    index = np.array([-1 if group is None else column[group] for group in groups])
    seen = None if trained_on is None else tuple(group in trained_on for group in names)
    rows = {
        label: _row(index, right, targets == number, len(names), seen)
        for number, label in enumerate(labels)
        if (targets == number).any()
    }
    rows[ALL_CLASSES] = _row(index, right, np.ones(len(targets), bool), len(names), seen)
    return CrossTable(name, tuple(names), seen, rows)


def _row(
    index: np.ndarray, right: np.ndarray, chosen: np.ndarray, groups: int, seen: tuple[bool, ...] | None
) -> CrossRow:
    inside = chosen & (index >= 0)
    clips = np.bincount(index[inside], minlength=groups)
    hits = np.bincount(index[inside], weights=right[inside], minlength=groups)
    accuracy = tuple(float(hit / count) if count else None for hit, count in zip(hits, clips, strict=True))
    if seen is None:
        sets = {"all": accuracy}
    else:
        sets = {
            name: tuple(value for value, known in zip(accuracy, seen, strict=True) if known is wanted)
            for name, wanted in (("seen", True), ("unseen", False))
        }
    spreads = {name: _spread(values) for name, values in sets.items() if values}
    return CrossRow(accuracy, tuple(int(count) for count in clips), spreads)


def _spread(accuracies: Sequence[float | None]) -> Spread:
    values = [value for value in accuracies if value is not None]
    mean = float(np.mean(values)) if values else None
    return Spread(len(values), mean, float(np.std(values, ddof=1)) if len(values) > 1 else None)
