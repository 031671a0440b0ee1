"""docs/architecture.md against the code: who imports whom, files that it names, the figures that it shows."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROOMS = {path.name for path in (ROOT / "edgekit").iterdir() if (path / "__init__.py").is_file()}


def _table() -> dict[str, set[str]]:
    """Room to the rooms that its row names."""
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", TEXT, re.M)
    return {room: set(re.findall(r"\w+", text)) & ROOMS for room, text in rows}


def _imports(room: str) -> set[str]:
    found = set()
    for path in (ROOT / "edgekit" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgekit."):
                found.add(str(node.module).split(".")[1])
    return found & ROOMS - {room, "core"}


def test_every_room_is_in_the_table_with_what_it_imports() -> None:
    table = _table()
    assert set(table) == ROOMS
    for room in ROOMS - {"api", "cli"}:  # these two may take from all
        assert table[room] - {"core"} == _imports(room), room


def test_files_that_the_page_names_are_there() -> None:
    named = {name for name in re.findall(r"`([\w/]+\.py)`", TEXT) if "/" in name}
    assert len(named) > 15
    assert [name for name in named if not any((ROOT / top / name).is_file() for top in (".", "edgekit"))] == []


def test_the_figures_are_those_of_the_result() -> None:
    rows = json.loads((ROOT / "benchmarks/results/code_structure.json").read_text("utf-8"))["rows"]
    lines = [f"| {row['figure']} | {_shown(row['before'])} | {_shown(row['now'])} |" for row in rows]
    assert [line for line in lines if line not in TEXT] == []


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
