"""Figures about a data set as SVG text: balance, distributions, spectra of devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.report.canvas import SERIES, figure_axes, legend_above, plain_label, to_svg

_STYLES = ("-", "--", ":")


def count_bars(counts: Mapping[str, Mapping[str, int]], title: str) -> str:
    """Clips a value as stacked bars.

    Args:
        counts: value → part (a split, for instance; one part alone needs no legend) → clips.
        title: of the figure.
    """
    parts = list(dict.fromkeys(part for row in counts.values() for part in row))
    figure, axes = figure_axes(6.4, 1.0 + 0.24 * len(counts))
    positions, left = np.arange(len(counts)), np.zeros(len(counts))
    for index, part in enumerate(parts):
        sizes = np.array([row.get(part, 0) for row in counts.values()])
        axes.barh(positions, sizes, left=left, color=SERIES[index % len(SERIES)], label=plain_label(part) or "clips")
        left += sizes
    axes.set_yticks(positions, [plain_label(value)[:28] for value in counts])
    axes.invert_yaxis()
    axes.set_xlabel("clips")
    if len(parts) > 1:
        legend_above(axes)
    else:
        axes.set_title(plain_label(title))
    return to_svg(figure)


def histogram(values: Mapping[str, Sequence[float]], label: str, bins: int = 40) -> str:
    """How values are spread, one outline a group.

    Args:
        values: group → values; those that are not finite are left out.
        label: of the axis, with unit.
        bins: of equal width over all groups.
    """
    finite = {name: found[np.isfinite(found)] for name, row in values.items() if len(found := np.asarray(row, float))}
    everything = np.concatenate([np.zeros(0), *finite.values()])
    figure, axes = figure_axes(6.4, 2.8)
    edges = np.histogram_bin_edges(everything, bins) if len(everything) else np.linspace(0, 1, bins + 1)
    for index, (name, found) in enumerate(finite.items()):
        colour, line = SERIES[index % len(SERIES)], _STYLES[index // len(SERIES) % len(_STYLES)]
        axes.stairs(np.histogram(found, edges)[0], edges, color=colour, linestyle=line, label=plain_label(name))
    axes.set_xlabel(label)
    axes.set_ylabel("clips")
    if len(finite) > 1:
        legend_above(axes)
    return to_svg(figure)


def spectra(lines: Mapping[str, np.ndarray], frequencies: np.ndarray, label: str) -> str:
    """Levels over frequency, one line a group.

    Args:
        lines: group → decibels [bands]; NaN leaves a gap.
        frequencies: Hz [bands].
        label: of the vertical axis.
    """
    figure, axes = figure_axes(6.4, 3.4)
    for index, (name, levels) in enumerate(lines.items()):
        colour, line = SERIES[index % len(SERIES)], _STYLES[index // len(SERIES) % len(_STYLES)]
        axes.plot(frequencies, levels, color=colour, linestyle=line, label=plain_label(name))
    axes.set_xscale("log")
    ticks = [tick for tick in (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000) if tick <= frequencies[-1] * 1.1]
    axes.set_xticks(ticks, [f"{tick // 1000} k" if tick >= 1000 else str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("frequency, Hz")
    axes.set_ylabel(label)
    if len(lines) > 1:
        legend_above(axes)
    return to_svg(figure)
