"""Figures as SVG text, drawn with matplotlib and coloured so that they follow a page's light or dark theme."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.core.optional import require

# matplotlib writes fixed colours; this one stands for "the page's text colour" and is replaced after drawing.
_INK = "#010203"
_SERIES = ("#2a78c4", "#d9622b", "#3c9a5f", "#8a5cc2", "#b98a1d", "#c2417c")


def confusion_matrix(labels: Sequence[str], matrix: np.ndarray, title: str) -> str:
    """Confusion matrix as SVG.

    Args:
        labels: class names in the order of rows and columns.
        matrix: int [classes, classes], rows are the true classes, columns the predictions.
        title: figure title.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.9 + 0.42 * len(labels)
    figure, axes = _figure(size + 0.6, size)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(labels)), [_plain(label) for label in labels], rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), [_plain(label) for label in labels])
    for row in range(len(labels)):
        for column in range(len(labels)):
            if counts[row, column]:
                # On the coloured cells the ink cannot follow the theme: the cell's own darkness decides.
                colour = "white" if share[row, column] > 0.55 else "#10243a"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(_plain(title))
    return _svg(figure)


def learning_curves(history: Sequence[Mapping[str, float]]) -> str:
    """Training and validation loss, and validation accuracy, against epochs.

    Args:
        history: one mapping an epoch; keys ``epoch`` and any of ``train_loss``, ``valid_loss``, ``valid_accuracy``.
    """
    figure, axes = _figure(6.4, 3.2)
    drawn = 0
    for name in ("train_loss", "valid_loss"):
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=name.replace("_", " "), color=_SERIES[drawn])
            drawn += 1
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    points = [(row["epoch"], 100 * row["valid_accuracy"]) for row in history if row.get("valid_accuracy") is not None]
    if points:
        right = axes.twinx()
        _style(right)
        right.plot(*zip(*points, strict=True), color=_SERIES[2], linestyle="--")
        right.set_ylabel("accuracy, %", fontsize=8)
        axes.plot([], [], label="valid accuracy", color=_SERIES[2], linestyle="--")
    _legend_above(axes)
    return _svg(figure)


def memory_timeline(steps: Sequence[tuple[str, int]], arena_bytes: int) -> str:
    """Bytes of live activations at each layer, with the arena as a line.

    Args:
        steps: (layer name, live bytes while it runs), in execution order.
        arena_bytes: size of the planned arena.
    """
    figure, axes = _figure(6.4, 1.2 + 0.2 * len(steps))
    positions = np.arange(len(steps))
    axes.barh(positions, [size for _, size in steps], color=_SERIES[0])
    axes.axvline(arena_bytes, color=_SERIES[1], linestyle="--", label=f"arena {arena_bytes:,} B")
    axes.set_yticks(positions, [_plain(name)[:28] for name, _ in steps], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("live bytes")
    _legend_above(axes)
    return _svg(figure)


def layer_costs(layers: Sequence[tuple[str, int]], unit: str) -> str:
    """Cost of each layer as bars.

    Args:
        layers: (layer name, cost) in execution order; layers that cost nothing are left out.
        unit: name of the cost, for the axis.
    """
    rows = [(name, cost) for name, cost in layers if cost]
    figure, axes = _figure(6.4, 1.2 + 0.2 * len(rows))
    positions = np.arange(len(rows))
    axes.barh(positions, [cost for _, cost in rows], color=_SERIES[2])
    axes.set_yticks(positions, [_plain(name)[:28] for name, _ in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(f"{unit} by layer")
    return _svg(figure)


def accuracy_bars(rows: Sequence[tuple[str, float]], title: str) -> str:
    """Accuracy (0 to 1) of several variants or groups side by side."""
    figure, axes = _figure(6.4, 1.0 + 0.3 * len(rows))
    positions = np.arange(len(rows))
    axes.barh(positions, [100 * value for _, value in rows], color=_SERIES[0])
    for position, (_, value) in zip(positions, rows, strict=True):
        axes.text(100 * value + 1, position, f"{100 * value:.1f}", va="center", color=_INK, fontsize=8)
    axes.set_yticks(positions, [_plain(name) for name, _ in rows])
    axes.set_xlim(0, 110)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy, %")
    axes.set_title(_plain(title))
    return _svg(figure)


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
        axes.set_title(_plain(caption), fontsize=8, color=_INK)
        axes.set_axis_off()
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure = require("matplotlib.figure", "report").Figure(figsize=(width, height))
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    _style(axes)
    return figure, axes


def _style(axes: Any) -> None:
    axes.patch.set_alpha(0.0)
    axes.tick_params(colors=_INK, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(_INK)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(_INK)
        text.set_fontsize(9)


def _legend_above(axes: Any) -> None:
    """Legend outside the plot, where it hides no data."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, labelcolor=_INK, fontsize=8)


def _plain(text: str) -> str:
    """Text that matplotlib draws as it is: a ``$`` would start mathematics."""
    return "".join(char if char.isprintable() else "?" for char in text).replace("$", r"\$")


def _svg(figure: Any) -> str:
    matplotlib = require("matplotlib", "report")
    buffer = io.StringIO()
    # Text stays text (selectable, small); a fixed salt keeps element ids, and so the file, the same from run to run.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgekit", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"|<svg ', lambda m: _responsive(m.group(0)), text, count=1)


def _responsive(opening: str) -> str:
    return re.sub(r'\s(?:width|height)="[^"]*"', "", opening) if "width=" in opening else opening
