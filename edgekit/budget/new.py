"""A budget file from options, with the rule of each limit as its comment."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

from edgekit.budget.limits import LIMITS
from edgekit.budget.limits.kind import LimitKind

_EXAMPLES: Mapping[str, str] = {
    "parameter": '"50 k"',
    "B": '"128 kB"',
    "MAC": '"30 M"',
    "op": "0",
    "ratio": '"90 %"',
    "ms": '"20 ms"',
}


def budget_text(
    limits: Mapping[str, str], latency: Mapping[str, str], *, counting: str, source: str, description: str = ""
) -> str:
    """The TOML text of a budget.

    Args:
        limits: key of a limit to its value as a person writes it ("30 M").
        latency: target to a duration ("20 ms").
        counting: convention of bytes and MACs.
        source: where the limits come from.
        description: one line for lists.
    """
    lines = [f"description = {_string(description)}"] if description else []
    lines.append(f"source = {_string(source)}")
    lines += [
        "# How parameter bytes and MACs are counted: true, or dcase (docs/rules.md).",
        f"counting = {_string(counting)}",
    ]
    lines += ["", "# 1 kB is 1,000 bytes, 1 KiB 1,024. A limit that is left out is not judged.", "[limits]"]
    for key, kind in LIMITS.items():
        if key != "latency":
            lines += ["", *_comment(kind), *_entry(key, limits.get(key), kind)]
    lines += ["", *_comment(LIMITS["latency"])]
    if latency:
        lines += ["[limits.latency]", *(f"{target} = {_value(text)}" for target, text in latency.items())]
    else:
        lines += ["# [limits.latency]", f"# cortex-m4 = {_EXAMPLES['ms']}"]
    return "\n".join(lines) + "\n"


def _comment(kind: LimitKind) -> list[str]:
    note = " Needs a measurement: --measured." if kind.measured else ""
    return textwrap.wrap(kind.rule + note, 118, initial_indent="# ", subsequent_indent="# ")


def _entry(key: str, value: str | None, kind: LimitKind) -> list[str]:
    return [f"# {key} = {_EXAMPLES[kind.unit]}"] if value is None else [f"{key} = {_value(value)}"]


def _value(text: str) -> str:
    """A bare whole number stays one; everything else is a string."""
    return text if text.isascii() and text.isdigit() else _string(text)


def _string(text: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
