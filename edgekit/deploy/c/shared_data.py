"""Constant arrays with equal contents are one: the steps of a recurrent layer read the same weights."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DEFINITION = re.compile(r"static const (?:_Alignas\(\d+\) )?(\w+) (\w+)\[")


def shared_data(data: Iterable[str], calls: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Definitions without those that repeat another under a new name, and the texts that use them.

    Args:
        data: definitions of constant arrays, each after those that it refers to.
        calls: statements.
    """
    first: dict[str, str] = {}
    alias: dict[str, str] = {}
    kept = []
    for text in (_renamed(item, alias) for item in data):
        found = _DEFINITION.match(text)
        if found is None:
            kept.append(text)
            continue
        name = found.group(2)
        content = text.replace(name, "", 1)
        if content in first:
            alias[name] = first[content]
        else:
            first[content] = name
            kept.append(text)
    return tuple(kept), tuple(_renamed(call, alias) for call in calls)


def _renamed(text: str, alias: dict[str, str]) -> str:
    return re.sub(r"\b\w+_\d+\w*\b", lambda match: alias.get(match.group(), match.group()), text) if alias else text
