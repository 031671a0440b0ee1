"""Figures of a wake word on long streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.report.canvas import INK, SERIES, figure_axes, legend_above, plain_label, to_svg

_LEAST = 0.05  # false accepts an hour that are drawn for none


def det_curve(curves: Sequence[tuple[str, Sequence[tuple[float, float]], tuple[float, float]]]) -> str:
    """Miss rate against false accepts an hour over all thresholds.

    Args:
        curves: (name, points, operating point), points as (false accepts an hour, miss rate from 0 to 1).
    """
    figure, axes = figure_axes(6.4, 3.4)
    for number, (name, points, chosen) in enumerate(curves):
        colour = SERIES[number % len(SERIES)]
        x, y = zip(*points, strict=True)
        axes.plot(np.maximum(x, _LEAST), 100 * np.array(y), color=colour, label=plain_label(name), linewidth=1.4)
        axes.scatter(max(chosen[0], _LEAST), 100 * chosen[1], color=colour, s=30, zorder=3)
    axes.axvline(1.0, color=INK, linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(0, None)
    axes.set_xlabel(f"false accepts an hour (none is drawn at {_LEAST:g})")
    axes.set_ylabel("words missed, %")
    legend_above(axes)
    return to_svg(figure)


def false_accept_bounds(rows: Sequence[tuple[float, float, float, float]], threshold: float) -> str:
    """False accepts an hour against the threshold, with the interval of the count.

    Args:
        rows: (threshold, rate, low, high), by threshold.
        threshold: the chosen one.
    """
    figure, axes = figure_axes(6.4, 3.2)
    x, rate, low, high = (np.array(column) for column in zip(*rows, strict=True))
    odds = np.log(x / (1.0 - x))
    axes.fill_between(odds, np.maximum(low, _LEAST), np.maximum(high, _LEAST), color=SERIES[0], alpha=0.25, linewidth=0)
    axes.plot(odds, np.maximum(rate, _LEAST), color=SERIES[0], label="rate and its 95 % interval")
    axes.axvline(np.log(threshold / (1.0 - threshold)), color=SERIES[1], linestyle="--", label="chosen threshold")
    axes.set_yscale("log")
    axes.set_xlabel("threshold, log-odds of the mean probability")
    axes.set_ylabel("false accepts an hour")
    legend_above(axes)
    return to_svg(figure)


def miss_bars(groups: Mapping[str, Sequence[tuple[str, float, float, float]]]) -> str:
    """Miss rate of each group, with its interval.

    Args:
        groups: by detector, (group, rate, low, high) from 0 to 1, the same groups each.
    """
    figure, axes = figure_axes(6.4, 3.0)
    width = 0.8 / max(1, len(groups))
    labels: list[str] = []
    for number, (name, rows) in enumerate(groups.items()):
        labels = [row[0] for row in rows]
        place = np.arange(len(rows)) + (number - (len(groups) - 1) / 2) * width
        rate, low, high = (100 * np.array([row[column] for row in rows]) for column in (1, 2, 3))
        reach = np.maximum(np.stack([rate - low, high - rate]), 0.0)
        axes.bar(place, rate, width * 0.9, color=SERIES[number % len(SERIES)], label=plain_label(name))
        axes.errorbar(place, rate, reach, fmt="none", ecolor=INK, linewidth=0.8)
    axes.set_xticks(np.arange(len(labels)), [plain_label(label) for label in labels])
    axes.set_xlabel("signal-to-noise ratio")
    axes.set_ylabel("words missed, %")
    legend_above(axes)
    return to_svg(figure)


def latency_bars(detectors: Sequence[tuple[str, Sequence[float]]]) -> str:
    """How long after a word's end it is detected.

    Args:
        detectors: (name, seconds of each word that was).
    """
    figure, axes = figure_axes(6.4, 3.0)
    for number, (name, seconds) in enumerate(detectors):
        counts, edges = np.histogram(seconds, np.arange(-0.6, 0.9, 0.05))
        axes.stairs(counts, edges, color=SERIES[number % len(SERIES)], label=plain_label(name), linewidth=1.4)
    axes.axvline(0.0, color=INK, linewidth=0.6, linestyle=":")
    axes.set_xlabel("seconds from the word's end to the decision")
    axes.set_ylabel("words")
    legend_above(axes)
    return to_svg(figure)
