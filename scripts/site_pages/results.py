"""A page for each result file: what its script measures, when and at which commit, and the rows as a table."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
_MOST_ROWS, _MOST_TEXT = 60, 60


def pages() -> Iterator[tuple[str, str]]:
    """File name and Markdown of the overview and of every result file's page."""
    files = sorted(RESULTS.glob("*.json"))
    loaded = {path: json.loads(path.read_text("utf-8")) for path in files}
    yield "index.md", _overview(loaded)
    for path, content in loaded.items():
        yield f"{path.stem}.md", _page(path.stem, content)


def _overview(loaded: dict[Path, dict[str, Any]]) -> str:
    rows = []
    for path, content in loaded.items():
        about = _about(path.stem).split(". ")[0].rstrip(".")
        rows.append(f"| [{path.stem}]({path.stem}.md) | {about} | {content.get('date', '')} |")
    head = "# Results\n\nMade from `benchmarks/results/*.json`, each written by the script of its name.\n"
    return "\n".join([head, "| result | what was measured | date |", "|---|---|---|", *rows, ""])


def _about(stem: str) -> str:
    """First paragraph of the docstring of the script that wrote the file, or of the longest name that begins it."""
    names = [stem.rsplit("_", cut)[0] for cut in range(stem.count("_") + 1)]
    for script in (ROOT / "benchmarks" / f"{name}.py" for name in names):
        if script.is_file():
            text = ast.get_docstring(ast.parse(script.read_text("utf-8"))) or ""
            return " ".join(text.split("\n\n")[0].split())
    return ""


def _page(stem: str, content: dict[str, Any]) -> str:
    rows = content.get("rows", [])
    facts = [f"- **{key.replace('_', ' ')}**: {_cell(value, 400)}" for key, value in content.items() if key != "rows"]
    parts = [f"# {stem.replace('_', ' ')}", _about(stem), "\n".join(facts), _table(rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        parts.append(f"{len(rows) - _MOST_ROWS} more rows are in the file, `benchmarks/results/{stem}.json`.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [" | ".join(column.replace("_", " ") for column in columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(_cell(row.get(column), _MOST_TEXT) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any, most: int) -> str:
    """A value for a table: numbers with thousands, the rest as compact JSON, cut where it is long."""
    if value is None:
        return ""
    if isinstance(value, bool | str):
        text = str(value)
    elif isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, float):
        text = f"{value:,.4g}"
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    text = " ".join(text.replace("|", "∣").replace("<", "&lt;").split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
