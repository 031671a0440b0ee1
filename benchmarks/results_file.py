"""How every benchmark ends: a table on stdout and ``benchmarks/results/NAME.json``."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.core.files import write_json
from edgekit.report.table import render_table

_MOST_COLUMNS = 9
RESULTS = Path(__file__).parent / "results"


def write_results(
    name: str, rows: Sequence[Mapping[str, Any]], *, shown: Sequence[Mapping[str, Any]] | None = None, **more: Any
) -> Path:
    """Print ``rows`` as a table and write them with date, machine and commit.

    Args:
        name: the benchmark's name, which names the file.
        rows: one mapping a row, the same keys in each.
        shown: what is printed instead of the rows, where they are too many or too different for a table.
        more: further top-level entries of the JSON.
    """
    _print_table(rows if shown is None else shown)
    path = RESULTS / f"{name}.json"
    record = {
        "name": name,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": commit(),
        **more,
        "rows": [dict(row) for row in rows],
    }
    write_json(path, record)
    return path


def commit() -> str:
    """Commit the figures were taken at, marked when the tree had changes beyond the results themselves."""
    root = Path(__file__).parents[1]
    run = lambda *args: subprocess.run(["git", *args], cwd=root, capture_output=True, text=True).stdout.strip()  # noqa: E731
    dirty = run("status", "--porcelain", "--untracked-files=no", "--", "edgekit", "firmware_stubs", "benchmarks/*.py")
    return run("rev-parse", "--short", "HEAD") + ("+changes" if dirty else "")


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows below each other; many columns would not fit a terminal, so then one column a row of the results."""
    if not rows:
        return
    keys = list(rows[0])
    if len(keys) <= _MOST_COLUMNS:
        print(render_table(keys, [[_cell(row.get(key)) for key in keys] for row in rows]), end="")
        return
    columns = ["", *(f">{index + 1}" for index in range(len(rows)))]
    print(render_table(columns, [[key, *(_cell(row.get(key)) for row in rows)] for key in keys]), end="")


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
