"""Dimensions of an exported program: numbers, or expressions over symbols, in sympy's ``srepr`` spelling."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from math import prod
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.tensor import Dim, Unknown

MAX_EXPRESSION = 2_000
"""Characters of one expression."""


def read_dim(entry: Any, dims: Mapping[str, int]) -> Dim:
    """A dimension from its JSON value; symbols are replaced by ``dims``, unknown ones give Unknown(symbols).

    Raises:
        BadFileError: neither a number nor an expression.
    """
    if isinstance(entry, dict) and isinstance(entry.get("as_int"), int):
        return int(entry["as_int"])
    text = entry.get("as_expr", {}).get("expr_str") if isinstance(entry, dict) else None
    if not isinstance(text, str) or len(text) > MAX_EXPRESSION:
        raise BadFileError(f"a dimension is {str(entry)[:60]}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadFileError(f"a dimension is {text[:60]!r}") from error
    names = sorted(set(_symbols(tree)))
    value = _value(tree, dims) if names and all(name in dims for name in names) else None
    return value if value is not None else Unknown("*".join(names) or "?")


def _symbols(tree: ast.expr) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if _called(node) == "Symbol" and isinstance(node, ast.Call) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.append(first.value)
    return found


def _called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _value(node: ast.expr, dims: Mapping[str, int]) -> int | None:
    """The number that an expression of sums, products and whole divisions is; None for any other."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, int) else None
    if not isinstance(node, ast.Call):
        return None
    kind = _called(node)
    if kind == "Symbol":
        first = node.args[0] if node.args else None
        return dims.get(str(first.value)) if isinstance(first, ast.Constant) else None
    parts = [_value(item, dims) for item in node.args]
    numbers = [part for part in parts if part is not None]
    if len(numbers) != len(parts) or not numbers:
        return None
    match kind:
        case "Integer":
            return numbers[0]
        case "Mul":
            return prod(numbers)
        case "Add":
            return sum(numbers)
        case "FloorDiv" if len(numbers) == 2 and numbers[1]:
            return numbers[0] // numbers[1]
        case "Mod" | "PythonMod" if len(numbers) == 2 and numbers[1]:
            return numbers[0] % numbers[1]
        case _:
            return None
