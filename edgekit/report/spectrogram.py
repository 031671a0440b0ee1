"""A picture of features over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.core.files import atomic_path
from edgekit.core.optional import require

FORMATS = ("png", "svg", "pdf")


def write_picture(path: Path, values: np.ndarray, seconds_per_frame: float, *, title: str, row_label: str) -> None:
    """Draw features with low bins at the bottom and write them to ``path``, whose suffix names the format.

    Args:
        path: of the picture.
        values: float [bins, frames].
        seconds_per_frame: hop.
        title: above the picture.
        row_label: of the vertical axis.

    Raises:
        BadConfigError: another suffix than :data:`FORMATS`.
        MissingDependencyError: matplotlib is not installed.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise BadConfigError(
            f"{path.suffix!r} is no picture format", where=str(path), mend=f"use .{', .'.join(FORMATS)}"
        )
    figure_module = require("matplotlib.figure", "report")
    figure = figure_module.Figure(figsize=(8.0, 3.6), layout="constrained")
    axes = figure.subplots()
    extent = (0.0, values.shape[1] * seconds_per_frame, -0.5, values.shape[0] - 0.5)
    drawn = axes.imshow(values, origin="lower", aspect="auto", extent=extent, cmap="magma", interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label="model input")
    axes.set_xlabel("time, s")
    axes.set_ylabel(row_label)
    axes.set_title(title.replace("$", r"\$"))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=form, dpi=150)
