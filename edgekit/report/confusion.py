"""The confusion matrix: drawn once, for a page as SVG text and for a picture file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.core.files import atomic_path
from edgekit.core.optional import require
from edgekit.report.canvas import figure_axes, plain_label, to_svg

KINDS = (".png", ".svg", ".pdf")


def confusion_matrix(labels: Sequence[str], matrix: np.ndarray, title: str) -> str:
    """Confusion matrix as SVG.

    Args:
        labels: class names in the order of rows and columns.
        matrix: int [classes, classes], rows are the true classes, columns the predictions.
        title: figure title.
    """
    size = _inches(labels)
    figure, axes = figure_axes(size + 0.6, size)
    _draw(axes, labels, matrix, title)
    return to_svg(figure)


def write_confusion(labels: Sequence[str], matrix: np.ndarray, title: str, path: Path) -> None:
    """:func:`confusion_matrix` as a picture file on white.

    Raises:
        BadConfigError: unknown suffix.
        MissingDependencyError: matplotlib is not installed.
    """
    check_picture_path(path)
    size = _inches(labels)
    figure = require("matplotlib.figure", "report").Figure(figsize=(size + 0.6, size), layout="constrained")
    _draw(figure.add_subplot(), labels, matrix, title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=150)


def check_picture_path(path: Path) -> None:
    """Refuse a suffix that cannot be drawn, before any work is done.

    Raises:
        BadConfigError: unknown suffix.
    """
    if path.suffix not in KINDS:
        raise BadConfigError(
            f"cannot draw a {path.suffix or 'nameless'} file", where=str(path), mend="use .png or .svg"
        )


def _inches(labels: Sequence[str]) -> float:
    return 1.9 + 0.42 * len(labels)


def _draw(axes: Any, labels: Sequence[str], matrix: np.ndarray, title: str) -> None:
    """Counts on cells that are coloured by their share of the row."""
    counts = np.asarray(matrix, dtype=np.int64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    names = [plain_label(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), names)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            # On the coloured cells the ink cannot follow the theme: the cell's own darkness decides.
            colour = "white" if share[row, column] > 0.55 else "#10243a"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(plain_label(title))
