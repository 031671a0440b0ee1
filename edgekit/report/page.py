"""One self-contained HTML page out of headings, tables, figures and clips to listen to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.core.files import write_text
from edgekit.core.optional import require
from edgekit.report.plain import plain
from edgekit.report.svg import named_svg

_HEAT_STEPS = 10


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; ``numeric`` names the columns that are set flush right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """An SVG with the sentence that a screen reader says in its place.

    Attributes:
        svg: one ``<svg>`` element.
        description: the sentence.
        data: what is drawn, for those who read rather than look.
    """

    svg: str
    description: str
    data: Table | None = None


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix as a table whose cells are as dark as their share of the row.

    Attributes:
        labels: class names in the order of rows and columns.
        counts: rows are true classes.
        caption: above it.
        links: (row, column) to the id of the :class:`Recordings` with clips of that cell.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    caption: str
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def heat(self, row: int, column: int) -> int:
        """Share of the row in steps from 0 (none) to 10 (all)."""
        count, total = self.counts[row][column], sum(self.counts[row])
        return 0 if count == 0 else max(1, round(_HEAT_STEPS * count / total))


@dataclass(frozen=True)
class Recording:
    """A clip to listen to.

    Attributes:
        caption: what it is.
        audio: ``data:`` address of the sound.
        picture: ``data:`` address of a picture of its features; empty for none.
    """

    caption: str
    audio: str
    picture: str = ""


@dataclass(frozen=True)
class Recordings:
    """Clips under a heading of their own, where links of a :class:`Matrix` lead."""

    anchor: str
    title: str
    clips: tuple[Recording, ...]


@dataclass(frozen=True)
class Section:
    """A heading with what follows it in this order.

    Attributes:
        group: what the section is about, where a page is about several things; stands in front of its title.
        outcome, verdict: "pass", "fail" or "undecided", and the sentence about it; empty for none.
        missing: what a reader may look for and does not find.
        paragraphs, matrices, recordings, tables: as they are.
        folded: tables that open on a click on their caption.
        figures: last.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    recordings: tuple[Recordings, ...] = ()
    missing: tuple[str, ...] = ()
    folded: tuple[Table, ...] = ()
    outcome: str = ""
    verdict: str = ""
    group: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    lead: str
    sections: tuple[Section, ...] = field(default_factory=tuple)


def render(page: Page) -> str:
    """The page as HTML: nothing from the network, one script of its own; every text is escaped, SVG goes in as it is.

    Control and direction characters are written as escapes: no name can reverse what stands beside it.
    """
    jinja2 = require("jinja2", "report")
    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    script = (folder / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    markup = require("markupsafe", "report").Markup
    return str(
        environment.get_template("page.html").render(
            page=page,
            style=markup((folder / "page.css").read_text("utf-8")),
            script=markup(script),
            script_digest=digest,
            named_svg=lambda figure, prefix: markup(named_svg(figure.svg, prefix, plain(figure.description))),
        )
    )


def write_page(page: Page, path: Path) -> None:
    """Render ``page`` and write it atomically."""
    write_text(path, render(page))


def key_values(rows: Sequence[tuple[str, str]], caption: str = "") -> Table:
    """A two-column table."""
    return Table(header=("", ""), rows=tuple(rows), caption=caption)


def _shown(value: Any) -> Any:
    """Texts as :func:`plain` writes them; markup and numbers as they are."""
    return plain(value, "\n\t") if type(value) is str else value
