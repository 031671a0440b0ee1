"""Budgets: TOML files that name their limits, their counting convention and their source.

::

    description = "DCASE 2024 Task 1"
    source = "https://…"
    counting = "dcase"

    [limits]
    parameter_bytes = "128 kB"
    macs = "30 M"

    [limits.latency]
    cortex-m4 = "20 ms"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgekit.budget.limits import COUNTINGS, LIMITS, TARGETS
from edgekit.core.errors import BadConfigError
from edgekit.core.resources import resource_folder
from edgekit.core.spelling import did_you_mean

DEFAULT_BUDGET = "thesis-128kB-30MMAC"
"""The budget that check-budget uses when none is named."""

_KEYS = ("description", "source", "counting", "limits", "board")
"""Keys of a budget; ``[board]`` is read by deploy/boards.py: the part's memory as a target of ``edgekit compile``."""
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Budget:
    """Limits that a model has to keep.

    Attributes:
        name: the file's name without its suffix.
        limits: key of :data:`~edgekit.budget.limits.LIMITS` to the limit in the base unit (B, MAC, op, ratio, …).
        latency: target to milliseconds.
        counting: "true" or "dcase": the convention in which conventional limits are meant.
        source: where the limits come from: a rule page, a data sheet.
        description: one line for lists.

    Raises:
        BadConfigError: no limit, an unknown key, an unknown convention, or no source.
    """

    name: str
    limits: Mapping[str, int | float]
    source: str
    counting: str = "true"
    description: str = ""
    latency: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.limits:
            _known(key, [name for name in LIMITS if name != "latency"], where=self.name, what="limit")
        for target in self.latency:
            _known(target, TARGETS, where=f"{self.name}: latency", what="target")
        _known(self.counting, COUNTINGS, where=f"{self.name}: counting", what="counting convention")
        if not self.limits and not self.latency:
            raise BadConfigError(
                "the budget limits nothing", where=self.name, mend='add [limits] with for instance macs = "30 M"'
            )
        if not self.source.strip():
            raise BadConfigError(
                "the budget names no source", where=self.name, mend='add source = "…": a rule page or a data sheet'
            )
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))
        object.__setattr__(self, "latency", MappingProxyType(dict(self.latency)))


def budget_names() -> tuple[str, ...]:
    """Names of the budgets that come with edgekit, sorted."""
    return tuple(sorted(path.stem for path in resource_folder("budgets").glob("*.toml")))


def read_budget(name_or_path: str | Path) -> Budget:
    """Read a budget by the name of one that comes with edgekit, or from a ``.toml`` file.

    A text that ends in ``.toml`` or holds a path separator is a file; everything else is a name.

    Raises:
        BadConfigError: no such budget (with the nearest name), unreadable TOML, unknown key (with the nearest key),
            wrong unit, negative limit, unknown convention.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        return parse_budget(Path(text).stem, _read_text(Path(text)), where=text)
    _known(text, budget_names(), where=None, what="budget", hint="or give the path of a .toml file")
    return parse_budget(text, _read_text(resource_folder("budgets") / f"{text}.toml"), where=f"budget {text}")


def parse_budget(name: str, text: str, *, where: str) -> Budget:
    """A budget from the text of its TOML file.

    Raises:
        BadConfigError: as :func:`read_budget`.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadConfigError(f"is not TOML: {error}", where=where, mend='write for instance macs = "30 M"') from error
    for key in document:
        if key in LIMITS:
            raise BadConfigError(f"{key!r} stands outside [limits]", where=where, mend="move it below a line [limits]")
        _known(key, _KEYS, where=where, what="key")
    limits = document.get("limits", {})
    if not isinstance(limits, dict):
        raise BadConfigError("limits is not a table", where=where, mend="write a line [limits] and the limits below it")
    for key in limits:
        _known(key, LIMITS, where=where, what="limit")
    counts = {
        key: LIMITS[key].parse(value, where=f"{where}: {key}") for key, value in limits.items() if key != "latency"
    }
    counting = _text(document, "counting", where, default="true")
    _known(counting, COUNTINGS, where=f"{where}: counting", what="counting convention")
    return Budget(
        name=name,
        limits=counts,
        latency=_latency(limits.get("latency", {}), where),
        counting=counting,
        source=_text(document, "source", where, default=""),
        description=_text(document, "description", where, default=""),
    )


def _latency(table: object, where: str) -> dict[str, float]:
    place = f"{where}: latency"
    if not isinstance(table, dict):
        raise BadConfigError(
            "a latency belongs to a target", where=place, mend='write [limits.latency] and below it cortex-m4 = "20 ms"'
        )
    for target in table:
        _known(target, TARGETS, where=place, what="target")
    return {target: float(LIMITS["latency"].parse(value, where=f"{place}.{target}")) for target, value in table.items()}


def _text(document: dict[str, Any], key: str, where: str, default: str) -> str:
    value = document.get(key, default)
    if not isinstance(value, str):
        raise BadConfigError(f"{key} is not a text", where=where, mend=f'write {key} = "…"')
    return value


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        mend = f"budgets that come with edgekit: {', '.join(budget_names())}"
        raise BadConfigError(f"cannot read the budget: {error.strerror}", where=str(path), mend=mend) from error
    if len(data) > _MAX_BYTES:
        raise BadConfigError("is too large for a budget", where=str(path), mend="give a TOML file below 1 MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadConfigError("is not UTF-8 text", where=str(path), mend="give a TOML file") from error


def _known(word: str, allowed: Iterable[str], *, where: str | None, what: str, hint: str = "") -> None:
    """Refuse ``word`` unless it is one of ``allowed``; the error names the nearest, or all."""
    choices = list(allowed)
    if word not in choices:
        cure = did_you_mean(word, choices)
        raise BadConfigError(f"unknown {what} {word!r}", where=where, mend=f"{cure} {hint}".strip())
