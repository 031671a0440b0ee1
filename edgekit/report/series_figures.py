"""Figures of reprogrammed time series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.report.canvas import INK, SERIES, figure_axes, legend_above, plain_label, to_svg


def attention_lines(weights: np.ndarray, captions: Sequence[str]) -> str:
    """Attention weights over time, a line a series.

    Args:
        weights: float [N, T].
        captions: of the series.
    """
    figure, axes = figure_axes(6.4, 3.0)
    for number, (line, caption) in enumerate(zip(weights, captions, strict=True)):
        axes.plot(line, color=SERIES[number % len(SERIES)], label=plain_label(caption))
    axes.set_xlabel("frame")
    axes.set_ylabel("attention")
    legend_above(axes)
    return to_svg(figure)


def bound_scatter(rows: Sequence[tuple[str, float, float]]) -> str:
    """Accuracy against the risk bound.

    Args:
        rows: (name, bound, accuracy from 0 to 1).
    """
    figure, axes = figure_axes(6.4, 3.4)
    for number, (name, bound, accuracy) in enumerate(rows):
        axes.scatter(bound, 100 * accuracy, color=SERIES[number % len(SERIES)], s=28)
        axes.annotate(plain_label(name), (bound, 100 * accuracy), fontsize=7, color=INK)
    axes.set_xlabel("risk bound: source risk + 2·√K · sliced Wasserstein-1")
    axes.set_ylabel("accuracy on test series, %")
    return to_svg(figure)
