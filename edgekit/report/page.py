"""One self-contained HTML page out of headings, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.core.files import write_text
from edgekit.core.optional import require


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; ``numeric`` names the columns that are set flush right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """An SVG with the sentence that a screen reader says in its place."""

    svg: str
    description: str


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, tables and figures, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    lead: str
    sections: tuple[Section, ...] = field(default_factory=tuple)


def render(page: Page) -> str:
    """The page as HTML: no script, no network; every text is escaped, only the SVG of figures goes in as it is."""
    jinja2 = require("jinja2", "report")
    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return str(environment.get_template("page.html").render(page=page))


def write_page(page: Page, path: Path) -> None:
    """Render ``page`` and write it atomically."""
    write_text(path, render(page))


def key_values(rows: Sequence[tuple[str, str]], caption: str = "") -> Table:
    """A two-column table."""
    return Table(header=("", ""), rows=tuple(rows), caption=caption)
