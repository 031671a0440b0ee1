"""The page shows what it was given, as text, and needs nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from edgekit.report import figures, run_figures
from edgekit.report.confusion import confusion_matrix
from edgekit.report.page import Figure, Page, Section, Table, render

HOSTILE = '<script>alert(1)</script>"$x_1$'


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def _parse(page: Page) -> _Texts:
    parser = _Texts()
    parser.feed(render(page))
    return parser


def test_hostile_names_are_shown_as_text() -> None:
    svg = confusion_matrix([HOSTILE, "b"], np.array([[3, 1], [0, 4]]), HOSTILE)
    page = Page(
        HOSTILE,
        "lead",
        (Section(HOSTILE, (HOSTILE,), (Table((HOSTILE,), ((HOSTILE,),)),), (Figure(svg, HOSTILE),)),),
    )
    parsed = _parse(page)
    assert parsed.tags.count("script") == 1  # the page's own
    assert parsed.texts.count(HOSTILE) >= 4


def test_page_asks_for_nothing_from_the_network() -> None:
    svg = figures.learning_curves([{"epoch": 0, "train_loss": 1.0, "valid_accuracy": 0.5}])
    text = render(Page("t", "l", (Section("s", figures=(Figure(svg, "d"),)),)))
    links = [link for link in re.findall(r'(?:src|href)="([^"]*)"', text) if not link.startswith(("#", "data:"))]
    assert links == []
    assert "@import" not in text


@pytest.mark.parametrize(
    "svg",
    [
        run_figures.layer_panels([{"name": "a", "macs": 10}, {"name": "free", "macs": None}], [("macs", "MACs")]),
        run_figures.paired_bars([("yes", 0.9, 0.8)], ("float", "int8")),
        figures.layer_levels([("a", 10.0), ("b", -2.0)], "dB"),
        figures.feature_images([("clip", np.zeros((4, 6)))]),
    ],
)
def test_figures_are_responsive_svg_in_the_page_colour(svg: str) -> None:
    opening = svg[: svg.index(">")]
    assert opening.startswith("<svg") and "viewBox" in opening and " width=" not in opening
    assert "#010203" not in svg


def test_the_same_figure_is_drawn_to_the_same_bytes() -> None:
    draw = lambda: figures.layer_levels([("float", 0.9)], "dB")  # noqa: E731
    assert draw() == draw()


def test_counts_are_written_into_the_confusion_matrix() -> None:
    svg = confusion_matrix(["yes", "no"], np.array([[17, 5], [2, 23]]), "t")
    for count in ("17", "5", "2", "23"):
        assert re.search(rf">\s*{count}\s*<", svg)
