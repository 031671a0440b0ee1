"""Few-shot curves of the adaptation benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgekit.core.files import write_text
from edgekit.report.canvas import SERIES, figure_axes, legend_above, plain_label, to_svg

Curves = Mapping[str, Mapping[str, float]]
"""Values by method, and in each by clips a class."""


def draw_curves(summary: Mapping[str, Mapping[str, Curves]], work: Path) -> list[Path]:
    """An SVG file in ``work`` for each set and source, the networks from scratch in each, and one for the adapters."""
    drawn = []
    for part in ("reprogram", "adapter"):
        means, spreads = summary[part], summary[f"{part}_deviation"]
        for name in (name for name in means if "/" in name or part == "adapter"):
            alone = name.split("/")[0]
            curves = {**means.get(alone, {}), **means[name]}
            around = {**spreads.get(alone, {}), **spreads[name]}
            drawn.append(work / f"few-shot-{part}-{name.replace('/', '-')}.svg")
            write_text(drawn[-1], few_shot(curves, around))
    return drawn


def few_shot(means: Curves, spreads: Curves) -> str:
    """Accuracy against clips a class, a line a method, with a deviation to each side.

    Args:
        means: shares from 0 to 1.
        spreads: deviations over draws, of the same methods and sizes.
    """
    figure, axes = figure_axes(6.4, 3.6)
    for number, (method, values) in enumerate(means.items()):
        sizes = sorted(values, key=int)
        axes.errorbar(
            [int(size) for size in sizes],
            [100 * values[size] for size in sizes],
            yerr=[100 * spreads[method][size] for size in sizes],
            color=SERIES[number % len(SERIES)],
            linestyle="-" if number < len(SERIES) else "--",
            marker="o",
            markersize=3,
            label=plain_label(method),
        )
    axes.set_xscale("log")
    every = sorted({int(size) for values in means.values() for size in values})
    axes.set_xticks(every, [str(size) for size in every])
    axes.minorticks_off()
    axes.set_xlabel("clips a class")
    axes.set_ylabel("accuracy on new speakers, %")
    legend_above(axes)
    return to_svg(figure)
