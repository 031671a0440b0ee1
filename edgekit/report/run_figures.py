"""Figures of a report about runs as SVG text: float beside int8, layers, memory, Pareto fronts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.core.optional import require
from edgekit.report.canvas import INK, SERIES, figure_axes, legend_above, plain_label, style, to_svg

MOST_LAYERS = 60
"""Layers that a figure shows, the costliest; the table below it has all."""

Json = Mapping[str, Any]


def paired_bars(rows: Sequence[tuple[str, float, float]], names: tuple[str, str]) -> str:
    """Two shares (0 to 1) of each row side by side.

    Args:
        rows: (label, first, second).
        names: of the two.
    """
    figure, axes = figure_axes(6.4, 1.0 + 0.36 * len(rows))
    positions = np.arange(len(rows))
    columns = ([row[1] for row in rows], [row[2] for row in rows])
    for index, (name, shares) in enumerate(zip(names, columns, strict=True)):
        values = [100 * share for share in shares]
        at = positions + (index - 0.5) * 0.38
        axes.barh(at, values, 0.36, color=SERIES[index], label=plain_label(name))
        for place, value in zip(at, values, strict=True):
            axes.text(value + 1, place, f"{value:.1f}", va="center", color=INK, fontsize=7)
    axes.set_yticks(positions, [plain_label(row[0])[:28] for row in rows])
    axes.set_xlim(0, 110)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy, %")
    legend_above(axes)
    return to_svg(figure)


def layer_panels(rows: Sequence[Json], columns: Sequence[tuple[str, str]]) -> str:
    """Costs of the layers side by side, one panel a cost, layers in the order of execution.

    Args:
        rows: ``name`` and the costs by key; None where one is not known.
        columns: (key, name of the axis) of each panel.
    """
    shown = costliest(rows, columns[0][0])
    height = 1.1 + 0.2 * len(shown)
    figure = require("matplotlib.figure", "report").Figure(figsize=(8.6, height))
    figure.patch.set_alpha(0.0)
    positions = np.arange(len(shown))
    for index, (key, name) in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), index + 1)
        style(axes)
        axes.barh(positions, [row[key] or 0 for row in shown], color=SERIES[index % len(SERIES)])
        names = [plain_label(row["name"])[-26:] for row in shown] if index == 0 else []
        axes.set_yticks(positions if index == 0 else [], names, fontsize=7)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.xaxis.set_major_locator(require("matplotlib.ticker", "report").MaxNLocator(3))
        axes.xaxis.set_major_formatter(require("matplotlib.ticker", "report").FuncFormatter(_short))
        axes.set_xlabel(name)
    return to_svg(figure)


def costliest(rows: Sequence[Json], key: str) -> list[Json]:
    """At most :data:`MOST_LAYERS` rows, those with the most of ``key``, in their own order."""
    if len(rows) <= MOST_LAYERS:
        return list(rows)
    chosen = sorted(range(len(rows)), key=lambda i: -(rows[i][key] or 0))[:MOST_LAYERS]
    return [rows[i] for i in sorted(chosen)]


def pareto_front(points: Sequence[Json], costs: Sequence[tuple[str, str]]) -> str:
    """Accuracy against each cost; filled and joined are the points that no other beats in both.

    Args:
        points: ``name``, ``accuracy`` (0 to 1), the costs by key, and ``front``: costs for which the point is on it.
        costs: (key, name of the axis).
    """
    figure = require("matplotlib.figure", "report").Figure(figsize=(8.6, 3.6))
    figure.patch.set_alpha(0.0)
    for index, (key, name) in enumerate(costs):
        axes = figure.add_subplot(1, len(costs), index + 1)
        style(axes)
        known = [point for point in points if point[key] is not None]
        least, most = min(point[key] for point in known), max(point[key] for point in known)
        front = sorted((point[key], 100 * point["accuracy"]) for point in known if key in point["front"])
        axes.plot(*zip(*front, strict=True), drawstyle="steps-post", color=SERIES[1], linewidth=1)
        for point in known:
            face = SERIES[1] if key in point["front"] else "none"
            place = (point[key], 100 * point["accuracy"])
            axes.scatter(*place, s=34, facecolors=face, edgecolors=SERIES[1 if face != "none" else 0])
            text = plain_label(point["name"])[:24]
            right = point[key] > (least + most) / 2  # the name goes where there is room
            place_of_name = {"xytext": (-5 if right else 5, 4), "ha": "right" if right else "left"}
            axes.annotate(text, place, textcoords="offset points", fontsize=7, color=INK, **place_of_name)
        axes.margins(0.18, 0.2)
        axes.xaxis.set_major_formatter(require("matplotlib.ticker", "report").FuncFormatter(_short))
        axes.set_xlabel(name)
        if index == 0:
            axes.set_ylabel("accuracy, %")
    figure.subplots_adjust(wspace=0.25)
    return to_svg(figure)


def feature_picture(image: np.ndarray) -> str:
    """``data:`` address of a small PNG of features [bins, frames], low bins at the bottom."""
    import base64
    import io

    stream = io.BytesIO()
    pyplot_image = require("matplotlib.image", "report")
    pyplot_image.imsave(stream, np.asarray(image)[::-1], cmap="magma", format="png", metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _short(value: float, _: object) -> str:
    """1,234,567 as "1.2 M"."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"
