"""Which layers of two versions of a model correspond, and which of those cost another amount."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from edgekit.core.comparison import LayerChange

Row = dict[str, Any]

MAX_ALIGNED = 2_000
"""Layers that are aligned by sequence; the layers of larger models correspond by name alone."""

_COSTS = ("output", "parameters", "parameter_bytes", "buffer_bytes", "macs_true", "macs_dcase", "float_reason")


def layer_changes(base: Sequence[Row], head: Sequence[Row]) -> tuple[LayerChange, ...]:
    """Changes in the order of the head, removed layers where they stood.

    Layers correspond when they stand at the same place of the common sequence of operators with their costs; exporters
    number names anew when a layer is put in, so that names alone would call every later layer changed.
    """
    if max(len(base), len(head)) > MAX_ALIGNED:
        return _by_name(base, head)
    matcher = difflib.SequenceMatcher(None, [_key(row) for row in base], [_key(row) for row in head], autojunk=False)
    changes: list[LayerChange] = []
    for tag, i, j, k, l in matcher.get_opcodes():  # noqa: E741
        if tag != "equal":
            changes += _replaced(base[i:j], head[k:l])
    return tuple(changes)


def _key(row: Row) -> tuple[Any, ...]:
    return (row["op"], *(row[cost] for cost in _COSTS))


def _replaced(base: Sequence[Row], head: Sequence[Row]) -> list[LayerChange]:
    """Pair what stands in the same gap by operator and name, then by operator, in order; the rest came or went."""
    return _paired(base, head, [("op", "name"), ("op",)])


def _paired(base: Sequence[Row], head: Sequence[Row], keys: list[tuple[str, ...]]) -> list[LayerChange]:
    if not keys or not base or not head:
        gone = [LayerChange("removed", row, None) for row in base]
        return gone + [LayerChange("added", None, row) for row in head]
    before, after = ([tuple(row[key] for key in keys[0]) for row in rows] for rows in (base, head))
    changes: list[LayerChange] = []
    for tag, i, j, k, l in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():  # noqa: E741
        if tag == "equal":
            both = zip(base[i:j], head[k:l], strict=True)
            changes += [LayerChange("changed", old, new) for old, new in both if _key(old) != _key(new)]
        else:
            changes += _paired(base[i:j], head[k:l], keys[1:])
    return changes


def _by_name(base: Sequence[Row], head: Sequence[Row]) -> tuple[LayerChange, ...]:
    before = {row["name"]: row for row in base}
    after = {row["name"] for row in head}
    changes = [LayerChange("removed", row, None) for row in base if row["name"] not in after]
    for row in head:
        if row["name"] not in before:
            changes.append(LayerChange("added", None, row))
        elif _key(before[row["name"]]) != _key(row):
            changes.append(LayerChange("changed", before[row["name"]], row))
    return tuple(changes)
