"""The arena along time, as a table for a terminal and as a picture; both from the plain rows of graph/timeline.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edgekit.report.plain import plain
from edgekit.report.table import render_table

Row = Mapping[str, Any]

COLUMNS = 48
"""Characters that stand for the arena."""
MOST_STEPS = 40
"""Steps that a table shows; of more, those with most bytes."""
LETTERS = {"made": "o", "read last": "i", "kept": "k", "working": "w"}
LEGEND = "arena: o output, i input read last here, b both in one place, k kept for later, w working memory, . free"
COLOURS = {"made": "#3c9a5f", "read last": "#2a78c4", "kept": "#b98a1d", "working": "#8a5cc2"}


def timeline_text(rows: Sequence[Row], arena_bytes: int, title: str = "") -> str:
    """A line a step: bytes in use, and a picture of the arena from offset 0 to its end.

    Args:
        rows: of Moment.to_json.
        arena_bytes: size of the arena.
        title: printed above.
    """
    largest = sorted(range(len(rows)), key=lambda i: (-rows[i]["bytes"], i))[:MOST_STEPS]
    shown = [rows[i] for i in sorted(largest)]
    peak = max((row["bytes"] for row in rows), default=0)
    cells = [
        (
            row["step"],
            row["op"],
            f"{row['bytes']:,}",
            _picture(row, arena_bytes),
            "peak" if row["bytes"] == peak else "",
        )
        for row in shown
    ]
    table = render_table(("step", "operator", ">bytes", f"0 … {arena_bytes:,}", ""), cells, title)
    left = len(rows) - len(shown)
    more = f"   {left} more steps need less\n" if left else ""
    return f"{table}{more}   {LEGEND}\n"


def _picture(row: Row, arena_bytes: int) -> str:
    cells = ["."] * COLUMNS
    for occupant in row["arena"]:
        letter = LETTERS[occupant["role"]]
        begin = occupant["offset"] * COLUMNS // max(arena_bytes, 1)
        end = -(-(occupant["offset"] + occupant["bytes"]) * COLUMNS // max(arena_bytes, 1))
        for i in range(begin, min(end, COLUMNS)):
            cells[i] = "b" if {cells[i], letter} == {"i", "o"} else letter
    return "".join(cells)


_LEFT, _TOP, _HEIGHT, _NAMES, _WIDTH = 90, 24, 320, 130, 560
_NARROW, _WIDE = 22, 60
_LONGEST_NAME = 24


def timeline_svg(rows: Sequence[Row], arena_bytes: int, title: str) -> str:
    """The arena as a picture: a column a step, offsets from the bottom up; names appear under the pointer.

    Args:
        rows: of Moment.to_json.
        arena_bytes: size of the arena.
        title: of the picture.
    """
    step = min(_WIDE, max(_NARROW, _WIDTH // max(len(rows), 1)))
    width, height = _LEFT + max(step * len(rows), 110 * len(COLOURS)) + 20, _TOP + _HEIGHT + _NAMES + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" role="img"><title>{_text(title)}</title>\n',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{step * len(rows)}" height="{_HEIGHT}" fill="none" '
        'stroke="currentColor"/>\n',
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end" fill="currentColor">{arena_bytes:,} B</text>\n',
        f'<text x="{_LEFT - 6}" y="{_TOP + _HEIGHT}" text-anchor="end" fill="currentColor">0</text>\n',
        *(_column(row, i, step, arena_bytes) for i, row in enumerate(rows)),
        *(_key(i, role, colour) for i, (role, colour) in enumerate(COLOURS.items())),
        "</svg>\n",
    ]
    return "".join(parts)


def _column(row: Row, index: int, step: int, arena_bytes: int) -> str:
    x = _LEFT + step * index
    scale = _HEIGHT / max(arena_bytes, 1)
    boxes = []
    for occupant in row["arena"]:
        top = _TOP + _HEIGHT - (occupant["offset"] + occupant["bytes"]) * scale
        name = occupant["name"] or "working memory"
        place = f"{occupant['bytes']:,} B at {occupant['offset']:,}"
        label = f"{row['step']} ({row['op']}): {name}, {occupant['role']}, {place}"
        boxes.append(
            f'<rect x="{x}" y="{top:.2f}" width="{step - 2}" height="{occupant["bytes"] * scale:.2f}" '
            f'fill="{COLOURS[occupant["role"]]}" fill-opacity="0.6" stroke="{COLOURS[occupant["role"]]}">'
            f"<title>{_text(label)}</title></rect>\n"
        )
    place = f"{x + step / 2 + 3:g} {_TOP + _HEIGHT + 8}"
    name = _text(row["step"][-_LONGEST_NAME:])
    below = f'<text transform="translate({place}) rotate(-60)" text-anchor="end" fill="currentColor">{name}</text>\n'
    return "".join(boxes) + below


def _key(index: int, role: str, colour: str) -> str:
    x, y = _LEFT + 110 * index, _TOP + _HEIGHT + _NAMES + 25
    return (
        f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}" fill-opacity="0.6" stroke="{colour}"/>'
        f'<text x="{x + 14}" y="{y}" fill="currentColor">{role}</text>\n'
    )


def _text(text: str) -> str:
    return escape(plain(text))
