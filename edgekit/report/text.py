"""Results as text for a terminal: tables and verdicts."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", width: int = 160) -> str:
    """A table as plain text, ending in a newline.

    Args:
        columns: headings; one that starts with ">" is right-aligned (numbers) and loses the mark.
        rows: cells as text.
        title: printed above; empty for none.
        width: the widest line; longer cells wrap.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip("\n") + "\n"
