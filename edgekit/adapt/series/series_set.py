"""Sets of labelled time series, checked as they are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import BadFileError

MOST_VALUES = 200_000_000


@dataclass(frozen=True, eq=False)
class SeriesSet:
    """Labelled series.

    Attributes:
        name: of the problem.
        series: each float64 [dimensions, length]; lengths may differ, missing values were interpolated.
        targets: int64 [N], places in ``labels``.
        labels: class names in the order of the file's header.
    """

    name: str
    series: tuple[np.ndarray, ...]
    targets: np.ndarray
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.series)

    def joined(self) -> tuple[np.ndarray, ...]:
        """One-dimensional series: dimensions one after another, each with mean 0 and deviation 1."""
        return tuple(np.concatenate([_standardised(row) for row in item]) for item in self.series)


def _standardised(row: np.ndarray) -> np.ndarray:
    out: np.ndarray = (row - row.mean()) / max(1e-8, float(row.std()))
    return out


def values_of(text: str, where: str) -> np.ndarray:
    """Comma-separated numbers, ``?`` or NaN where one is missing: float64 [length], gaps interpolated.

    Raises:
        BadFileError: something else, infinite, or nothing known at all.
    """
    parts = text.split(",")
    try:
        row = np.array([np.nan if part.strip() in ("?", "NaN", "nan") else float(part) for part in parts])
    except ValueError as error:
        raise BadFileError(f"a value is no number: {error}", where=where, mend="download it again") from error
    known = np.isfinite(row)
    if np.isinf(row).any() or not known.any():
        raise BadFileError("a series is infinite or has no known value", where=where, mend="leave it out")
    places = np.arange(len(row))
    filled: np.ndarray = np.interp(places, places[known], row[known])
    return filled


def make_set(name: str, series: list[np.ndarray], names: list[str], labels: tuple[str, ...], where: str) -> SeriesSet:
    """A checked set.

    Raises:
        BadFileError: no series, or a label that is not listed.
    """
    if not series or len(labels) < 2:
        raise BadFileError(
            "holds no series, or fewer than two classes", where=where, mend="give a classification problem"
        )
    if sum(item.size for item in series) > MOST_VALUES:
        raise BadFileError(f"holds more than {MOST_VALUES:,} values", where=where, mend="give a smaller problem")
    order = {label: number for number, label in enumerate(labels)}
    odd = sorted({label for label in names if label not in order})
    if odd:
        raise BadFileError(f"label {odd[0]!r} is not in its header", where=where, mend="mend the header")
    return SeriesSet(name, tuple(series), np.array([order[label] for label in names], np.int64), labels)
