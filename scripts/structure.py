"""Figures of the code's structure: lengths of files and functions, tests against source, docstrings, circles.

    .venv/bin/python scripts/structure.py [--format json] [--since COMMIT]

With ``--since``, the figures of that commit stand beside those of the working tree.

A line counts where it is neither empty nor a comment on its own. Docstrings are asked of public modules, classes and
functions (names without an underscore, not inside a function).
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_LONG_FILES, _LONG_FUNCTIONS = (250, 300), (40, 60)
"""Lines that most keep to, and lines that none exceeds."""


def sources(folder: str, root: Path = ROOT) -> list[Path]:
    """Python files below ``folder``."""
    return sorted(path for path in (root / folder).rglob("*.py") if "__pycache__" not in path.parts)


def code_lines(text: str) -> int:
    """Lines that are neither empty nor a comment."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The module, its public classes and functions, and public methods; of an overloaded one the body alone."""
    yield tree
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    while scopes:
        for node in scopes.pop().body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                if any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list):
                    continue
                yield node
                if isinstance(node, ast.ClassDef):
                    scopes.append(node)


def share_documented(trees: list[ast.Module]) -> float:
    """Share of public names with a docstring."""
    found = [ast.get_docstring(node) is not None for tree in trees for node in public(tree)]
    return sum(found) / len(found)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without decorators and docstring."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or node.lineno) - first.lineno + 1


def percentile(values: list[int], share: float) -> int:
    """The smallest value that ``share`` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def imports(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """What each module imports of the others, at its top, in its functions or for types only."""
    found: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                named = (f"{node.module}.{alias.name}" for alias in node.names)
                found[name] |= {full if full in trees else node.module for full in named}
            elif isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
    return {name: {other for other in others if other in trees and other != name} for name, others in found.items()}


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import themselves through others, one line a circle (strongly connected components, by pruning)."""
    while True:
        used = {other for others in graph.values() for other in others}
        kept = {name for name in graph if name in used and graph[name] & graph.keys()}
        if kept == graph.keys():
            break
        graph = {name: graph[name] & kept for name in kept}
    groups = {frozenset(other for other in _reach(graph, name) if name in _reach(graph, other)) for name in graph}
    return sorted(" <-> ".join(sorted(group)) for group in groups if len(group) > 1)


def _reach(graph: dict[str, set[str]], start: str) -> set[str]:
    """Everything that ``start`` comes to."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for name in graph[ahead.pop()] - seen:
            seen.add(name)
            ahead.append(name)
    return seen


def figures(root: Path = ROOT) -> dict[str, object]:
    """All figures, and the longest files and functions."""
    own = {path: path.read_text("utf-8") for path in sources("edgekit", root)}
    trees = {path: ast.parse(text) for path, text in own.items()}
    files = {str(path.relative_to(root)): len(text.splitlines()) for path, text in own.items()}
    lengths = {
        f"{path.relative_to(root)}:{node.name}": length(node)
        for path, tree in trees.items()
        for node in functions(tree)
    }
    names = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in own}
    lines = sum(code_lines(text) for text in own.values())
    tests = sum(code_lines(path.read_text("utf-8")) for path in sources("tests", root))
    return {
        "files": len(files),
        "code_lines": lines,
        "file_lines_median": statistics.median(files.values()),
        "file_lines_90": percentile(list(files.values()), 0.9),
        "functions": len(lengths),
        "function_lines_median": statistics.median(lengths.values()),
        "function_lines_90": percentile(list(lengths.values()), 0.9),
        "test_lines": tests,
        "test_to_source": round(tests / lines, 3),
        "docstring_coverage": round(share_documented(list(trees.values())), 4),
        "import_circles": circles(imports({name: trees[path] for name, path in names.items()})),
        **{f"files_over_{most}": sorted(n for n, count in files.items() if count > most) for most in _LONG_FILES},
        **{f"functions_over_{most}": sorted(n for n, c in lengths.items() if c > most) for most in _LONG_FUNCTIONS},
    }


def at_commit(commit: str) -> dict[str, object]:
    """The figures of a commit of this repository."""
    with tempfile.TemporaryDirectory() as name:
        packed = Path(name) / "tree.tar"
        subprocess.run(["git", "archive", "-o", str(packed), commit, "edgekit", "tests"], cwd=ROOT, check=True)
        with tarfile.open(packed) as archive:
            archive.extractall(Path(name) / "tree", filter="data")
        return figures(Path(name) / "tree")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--since", metavar="COMMIT", help="put the figures of this commit beside")
    given = parser.parse_args()
    columns = [at_commit(given.since)] if given.since else []
    columns.append(figures())
    if given.format == "json":
        print(
            json.dumps(
                columns[-1] if len(columns) == 1 else dict(zip(("before", "now"), columns, strict=True)), indent=2
            )
        )
        return
    for name in columns[-1]:
        shown = [column[name] for column in columns]
        listed = [f"\n    {item}" for item in shown[-1]] if isinstance(shown[-1], list) else []
        counts = [len(value) if isinstance(value, list) else value for value in shown]
        print(f"{name.replace('_', ' '):24}" + "".join(f"{count!s:>12}" for count in counts) + "".join(listed))


if __name__ == "__main__":
    main()
