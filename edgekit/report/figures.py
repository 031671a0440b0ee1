"""Figures as SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.core.optional import require
from edgekit.report.canvas import INK, SERIES, figure_axes, legend_above, plain_label, style, to_svg


def learning_curves(history: Sequence[Mapping[str, float]]) -> str:
    """Training and validation loss, and validation accuracy, against epochs.

    Args:
        history: one mapping an epoch; keys ``epoch`` and any of ``train_loss``, ``valid_loss``, ``valid_accuracy``.
    """
    figure, axes = figure_axes(6.4, 3.2)
    drawn = 0
    for name in ("train_loss", "valid_loss"):
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=name.replace("_", " "), color=SERIES[drawn])
            drawn += 1
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    points = [(row["epoch"], 100 * row["valid_accuracy"]) for row in history if row.get("valid_accuracy") is not None]
    if points:
        right = axes.twinx()
        style(right)
        right.plot(*zip(*points, strict=True), color=SERIES[2], linestyle="--")
        right.set_ylabel("accuracy, %", fontsize=8)
        axes.plot([], [], label="valid accuracy", color=SERIES[2], linestyle="--")
    legend_above(axes)
    return to_svg(figure)


def feature_images(images: Sequence[tuple[str, np.ndarray]], columns: int = 5) -> str:
    """Front-end outputs of some clips.

    Args:
        images: (caption, float [bins, frames]) pairs; low frequencies are drawn at the bottom.
        columns: pictures in a row.
    """
    rows = -(-len(images) // columns)
    pyplot = require("matplotlib.figure", "report")
    figure = pyplot.Figure(figsize=(1.7 * columns, 1.7 * rows))
    figure.patch.set_alpha(0.0)
    for index, (caption, image) in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(image, origin="lower", aspect="auto", cmap="magma", interpolation="nearest")
        axes.set_title(plain_label(caption), fontsize=8, color=INK)
        axes.set_axis_off()
    return to_svg(figure)


def layer_levels(layers: Sequence[tuple[str, float]], unit: str) -> str:
    """A level of each layer as bars, zero and negative ones included.

    Args:
        layers: (layer name, level) in execution order.
        unit: what is drawn, for the axis.
    """
    figure, axes = figure_axes(6.4, 1.2 + 0.2 * len(layers))
    positions = np.arange(len(layers))
    axes.barh(positions, [level for _, level in layers], color=SERIES[0])
    axes.set_yticks(positions, [plain_label(name)[-28:] for name, _ in layers], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    return to_svg(figure)


def value_histogram(counts: np.ndarray, edges: np.ndarray, ends: tuple[float, float], title: str) -> str:
    """What an activation holds, on a logarithmic axis, and the range that its integers cover.

    Args:
        counts: int [bins].
        edges: float [bins + 1].
        ends: least and largest value that int8 can hold.
        title: of the figure.
    """
    figure, axes = figure_axes(6.4, 2.2)
    axes.stairs(counts, edges, fill=True, color=SERIES[0])
    axes.set_yscale("log")
    for end, label in zip(ends, ("int8 range", None), strict=True):
        axes.axvline(end, color=SERIES[1], linestyle="--", label=label)
    axes.set_ylabel("values")
    axes.set_title(plain_label(title)[:60])
    legend_above(axes)
    return to_svg(figure)
