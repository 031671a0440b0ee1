"""Tables as plain text.

Written out here because the library that draws tables takes longer to import than the gate takes to judge a model.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from edgekit.report.plain import plain

_GAP = "   "
_NARROWEST = 8
"""Columns are not folded below this many characters, however long the line becomes."""


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", width: int = 160) -> str:
    """A table as plain text, ending in a newline.

    Args:
        columns: headings; one that starts with ">" is right-aligned (numbers) and loses the mark.
        rows: cells as text; control characters are written as escapes.
        title: printed above; empty for none.
        width: the widest line; cells of the widest columns fold until it is kept.
    """
    heads = [column.removeprefix(">") for column in columns]
    right = [column.startswith(">") for column in columns]
    cells = [[plain(cell) for cell in row] for row in rows]
    widest = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    widths = _shrink(widest, width - 1 - len(_GAP) * (len(heads) - 1))
    rule = " " + "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    lines = [*_row(heads, widths, right), rule]
    for row in cells:
        lines.extend(_row(row, widths, right))
    body = "\n".join(lines) + "\n"
    return f"{title}\n\n{body}" if title else body


def _shrink(widths: Sequence[int], room: int) -> list[int]:
    """Widths whose sum fits into ``room`` where that can be had by cutting the widest columns to one width."""
    cut = max(widths, default=0)
    while cut > _NARROWEST and sum(min(width, cut) for width in widths) > room:
        cut -= 1
    return [min(width, cut) for width in widths]


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """The lines of one row, folded cells below each other."""
    folded = [_fold(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for level in range(max(map(len, folded), default=0)):
        texts = [parts[level] if level < len(parts) else "" for parts in folded]
        padded = [_pad(text, width, end) for text, width, end in zip(texts, widths, right, strict=True)]
        lines.append((" " + _GAP.join(padded)).rstrip())
    return lines


def _fold(cell: str, width: int) -> list[str]:
    return [cell] if _width(cell) <= width else textwrap.wrap(cell, width) or [""]


def _pad(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def _width(text: str) -> int:
    """Columns that ``text`` takes on a terminal: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    wide = (2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if not unicodedata.combining(c))
    return sum(wide)
