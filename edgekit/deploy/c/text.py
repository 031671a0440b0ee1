"""Filling templates and printing arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(r"@([a-z][a-z0-9_]*)@")


def fill(template: str, **values: object) -> str:
    """``template`` with each ``@name@`` replaced; braces and backslashes of C stay as they are.

    Raises:
        KeyError: a token without a value, or a value without a token (a mistake in an emitter).
    """
    used = set(_TOKEN.findall(template))
    if used != values.keys():
        raise KeyError(f"template tokens {sorted(used ^ values.keys())}")
    return _TOKEN.sub(lambda match: str(values[match.group(1)]), template)


def indent(text: str, levels: int = 1) -> str:
    """``text`` moved right by four spaces a level; empty lines stay empty."""
    prefix = "    " * levels
    return "".join(prefix + line if line.strip() else line for line in text.splitlines(keepends=True))


def text_of(lines: Iterable[str], levels: int = 0) -> str:
    """Each of ``lines`` with a line's end, moved right by ``levels``."""
    return indent("".join(f"{line}\n" for line in lines), levels)


def array_lines(values: Iterable[str], width: int = 110) -> str:
    """Comma-separated values, wrapped and indented by four spaces."""
    lines: list[str] = []
    line = "   "
    for value in values:
        if len(line) + len(value) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {value},"
    lines.append(line)
    return "\n".join(lines)


def int32(value: int) -> str:
    """An int32 constant; INT32_MIN is not a C literal (C11 6.4.4.1: the minus is an operator)."""
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)
