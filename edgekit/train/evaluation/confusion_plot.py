"""Confusion matrix as a picture file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.core.files import atomic_path
from edgekit.core.optional import require

KINDS = (".png", ".svg", ".pdf")


def check_plot_path(path: Path) -> None:
    """Refuse a suffix that cannot be drawn, before any work is done.

    Raises:
        BadConfigError: unknown suffix.
    """
    if path.suffix not in KINDS:
        raise BadConfigError(
            f"cannot draw a {path.suffix or 'nameless'} file", where=str(path), mend="use .png or .svg"
        )


def plot_confusion(matrix: np.ndarray, labels: Sequence[str], title: str, path: Path) -> None:
    """Draw counts (int [classes, classes], rows are true classes), coloured by each row's share."""
    check_plot_path(path)
    figure_module = require("matplotlib.figure", "report")
    size = 2.0 + 0.45 * len(labels)
    figure = figure_module.Figure(figsize=(size + 0.6, size), layout="constrained")
    axes = figure.add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    plain = [label.replace("$", r"\$") for label in labels]  # "$" would start mathematics
    axes.set_xticks(range(len(labels)), plain, rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), plain)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title.replace("$", r"\$"), fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=150)
