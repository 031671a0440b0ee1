"""Evaluations as text for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit.report.evaluation_tables import comparison_table, evaluation_tables, submission_table
from edgekit.report.markdown import table as markdown_table
from edgekit.report.page import Table
from edgekit.report.plain import markdown
from edgekit.report.table import render_table


def evaluation_text(report: Mapping[str, Any]) -> str:
    """The JSON of ``edgekit eval`` as tables."""
    return "\n".join(
        render_table(_columns(table, table.header), table.rows, table.caption) for table in _tables(report)
    )


def evaluation_markdown(report: Mapping[str, Any]) -> str:
    """The JSON of ``edgekit eval`` as Markdown, a caption above each table."""
    parts = []
    for table in _tables(report):
        cells = [[markdown(cell) for cell in row] for row in table.rows]
        title = f"**{markdown(table.caption)}**\n\n" if table.caption else ""
        heads = _columns(table, [markdown(head) for head in table.header])
        parts.append(title + markdown_table(heads, cells))
    return "\n".join(parts)


def _tables(report: Mapping[str, Any]) -> Iterator[Table]:
    for result in report["results"]:
        yield from evaluation_tables(result)
    for comparison in report["comparisons"]:
        yield comparison_table(comparison)
    if report["submissions"]:
        yield submission_table(report["submissions"])


def _columns(table: Table, heads: Sequence[str]) -> list[str]:
    """``heads`` with the mark of a column that is set flush right."""
    return [f">{head}" if number in table.numeric else head for number, head in enumerate(heads)]
