"""Figures of an evaluation as SVG text: calibration, embeddings, filters, attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.core.optional import require
from edgekit.report.canvas import INK, SERIES, figure_axes, legend_above, plain_label, to_svg

_MARKERS = "osD^vP*Xhp"


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy against confidence with the diagonal of a calibrated model, and the share of clips in each bin.

    Args:
        bins: ``low``, ``high``, ``clips`` and ``accuracy`` each (None where there are no clips), as in the JSON.
    """
    figure, axes = figure_axes(4.6, 4.2)
    total = max(1, sum(b["clips"] for b in bins))
    width = [b["high"] - b["low"] for b in bins]
    left = [b["low"] for b in bins]
    shares = [b["clips"] / total for b in bins]
    axes.bar(left, shares, width, align="edge", color=SERIES[4], alpha=0.45, label="share of clips")
    full = [b for b in bins if b["clips"]]
    axes.plot([b["confidence"] for b in full], [b["accuracy"] for b in full], "o-", color=SERIES[0], label="accuracy")
    axes.plot([0, 1], [0, 1], "--", color=INK, linewidth=0.8, label="calibrated")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy, share of clips")
    legend_above(axes)
    return to_svg(figure)


def group_bars(groups: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """Accuracy of each group with its interval; groups that training had not are in another colour.

    Args:
        groups: ``accuracy``, ``accuracy_interval`` and, where it is known, ``in_training`` by name, as in the JSON.
        title: above the bars.
    """
    figure, axes = figure_axes(6.4, 1.0 + 0.3 * len(groups))
    kinds = {True: "in training", False: "not in training", None: ""}
    for kind, name in kinds.items():
        rows = [(at, row) for at, row in enumerate(groups.values()) if row.get("in_training") is kind]
        if not rows:
            continue
        shares = np.array([row["accuracy"] for _, row in rows])
        ends = np.array([row["accuracy_interval"] for _, row in rows])
        reach = 100 * np.maximum(0.0, np.stack([shares - ends[:, 0], ends[:, 1] - shares]))
        style = {"color": SERIES[1] if kind is False else SERIES[0], "ecolor": INK, "capsize": 2, "label": name or None}
        axes.barh([at for at, _ in rows], 100 * shares, xerr=reach, **style)
    for at, row in enumerate(groups.values()):
        axes.text(102, at, f"{100 * row['accuracy']:.1f}", va="center", color=INK, fontsize=8)
    axes.set_yticks(range(len(groups)), [plain_label(name) for name in groups])
    axes.set_xlim(0, 112)
    axes.invert_yaxis()
    axes.set_xlabel(f"{title}, % (95 % interval)")
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes)
    return to_svg(figure)


def embedding_scatter(points: np.ndarray, classes: np.ndarray, labels: Sequence[str], right: np.ndarray) -> str:
    """Clips in two dimensions, coloured by true class; those that the model gets wrong are hollow.

    Args:
        points: float [n, 2].
        classes: int [n], index into ``labels``.
        labels: class names.
        right: bool [n].
    """
    figure, axes = figure_axes(6.4, 5.2)
    for index, label in enumerate(labels):
        colour, marker = SERIES[index % len(SERIES)], _MARKERS[index // len(SERIES) % len(_MARKERS)]
        for chosen, face in ((right, colour), (~right, "none")):
            inside = (classes == index) & chosen
            axes.scatter(*points[inside].T, s=14, marker=marker, facecolors=face, edgecolors=colour, linewidths=0.9)
        axes.scatter([], [], s=14, marker=marker, color=colour, label=plain_label(label))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, labelcolor=INK, fontsize=8)
    return to_svg(figure)


def filter_images(filters: np.ndarray, columns: int = 12) -> str:
    """Kernels of a first layer, all on one scale that is symmetric about 0: red is positive, blue negative.

    Args:
        filters: float [K, height, width], frequency × time; low frequencies are drawn at the bottom.
        columns: kernels in a row.
    """
    bound = float(np.abs(filters).max()) or 1.0
    pictures = [("", kernel) for kernel in filters]
    return _grid(pictures, columns, cmap="RdBu_r", vmin=-bound, vmax=bound)


def attention_images(features: np.ndarray, maps: Sequence[tuple[str, np.ndarray]], columns: int = 8) -> str:
    """A clip's features, then what each head and the rollout look at; holes of patchout (NaN) are black.

    Args:
        features: float [bins, frames].
        maps: (caption, float [bins, frames]) pairs, each drawn on its own scale.
        columns: pictures in a row.
    """
    return _grid([("features", features), *maps], columns, cmap=_with_black_holes())


def _grid(pictures: Sequence[tuple[str, np.ndarray]], columns: int, *, cmap: Any, **scale: float) -> str:
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = require("matplotlib.figure", "report").Figure(figsize=(9.0, 9.0 / columns * rows))
    figure.patch.set_alpha(0.0)
    for number, (caption, picture) in enumerate(pictures, 1):
        axes = figure.add_subplot(rows, columns, number)
        axes.imshow(picture, origin="lower", aspect="auto", cmap=cmap, interpolation="nearest", **scale)
        axes.set_title(plain_label(caption), fontsize=8, color=INK)
        axes.set_axis_off()
    return to_svg(figure)


def _with_black_holes() -> Any:
    """Viridis starts above black, so that a hole is no small value."""
    return require("matplotlib", "report").colormaps["viridis"].with_extremes(bad="black")
