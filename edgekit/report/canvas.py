"""What all figures share: matplotlib's axes as SVG text whose colours follow a page's light or dark theme."""

from __future__ import annotations

import io
import re
from typing import Any

from edgekit.core.optional import require

INK = "#010203"
"""Stands for the page's text colour: matplotlib writes fixed colours, so it is replaced after drawing."""
SERIES = ("#2a78c4", "#d9622b", "#3c9a5f", "#8a5cc2", "#b98a1d", "#c2417c")
"""Colours of series, readable on light and on dark."""


def figure_axes(width: float, height: float) -> tuple[Any, Any]:
    """A transparent figure of that size in inches, and its only axes."""
    figure = require("matplotlib.figure", "report").Figure(figsize=(width, height))
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    style(axes)
    return figure, axes


def style(axes: Any) -> None:
    """Draw frame, ticks and titles of axes in the page's text colour."""
    axes.patch.set_alpha(0.0)
    axes.tick_params(colors=INK, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(INK)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(INK)
        text.set_fontsize(9)


def legend_above(axes: Any) -> None:
    """Legend outside the plot, where it hides no data."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, labelcolor=INK, fontsize=8)


def plain_label(text: str) -> str:
    """Text that matplotlib draws as it is: a ``$`` would start mathematics."""
    return "".join(char if char.isprintable() else "?" for char in text).replace("$", r"\$")


def to_svg(figure: Any) -> str:
    """The figure as an ``<svg>`` element that follows the page's theme and width."""
    matplotlib = require("matplotlib", "report")
    buffer = io.StringIO()
    # Text stays text (selectable, small); a fixed salt keeps element ids, and so the file, the same from run to run.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgekit", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"|<svg ', lambda m: _responsive(m.group(0)), text, count=1)


def _responsive(opening: str) -> str:
    return re.sub(r'\s(?:width|height)="[^"]*"', "", opening) if "width=" in opening else opening
