"""Quantities in text: ``"128 kB"`` is 128,000 bytes, ``"128 KiB"`` is 131,072, ``"30 M"`` is 30,000,000."""

from __future__ import annotations

import re

from edgekit.core.errors import BadConfigError

_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_PREFIXES = {**_DECIMAL, **_BINARY}
_PATTERN = re.compile(r"\s*(-?[0-9][0-9_,]*(?:\.[0-9]+)?)\s*([A-Za-z%]*)\s*")

# Base unit -> the unit words that may follow a prefix.
_WORDS: dict[str, tuple[str, ...]] = {
    "B": ("B",),
    "MAC": ("", "MAC", "MACs"),
    "parameter": ("", "parameters", "params"),
    "op": ("", "ops"),
}
_SECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def parse_count(text: object, unit: str, *, where: str) -> int:
    """Read a count such as ``"128 kB"`` (unit "B"), ``"30 M"`` or ``30_000_000`` (unit "MAC").

    Raises:
        BadConfigError: wrong unit, no number, negative, not whole.
    """
    allowed = ", ".join(sorted({p + w for p in _PREFIXES for w in _WORDS[unit] if p + w})[:12])
    if isinstance(text, bool) or not isinstance(text, int | str):
        raise BadConfigError(f"{text!r} is not a count", where=where, mend=f'write for instance "128 k{unit}"')
    match = _PATTERN.fullmatch(str(text))
    if match is None:
        raise BadConfigError(f"{text!r} is not a number with a unit", where=where, mend=f"units: {allowed}")
    number, suffix = match.groups()
    if unit == "B" and suffix == "" and isinstance(text, str):
        raise BadConfigError(f"{text!r} has no unit", where=where, mend="write kB (1,000 bytes) or KiB (1,024 bytes)")
    factor = _factor(suffix, unit)
    if factor is None:
        raise BadConfigError(f"{suffix!r} is no unit for this", where=where, mend=f"use one of {allowed}")
    value = float(number.replace("_", "").replace(",", "")) * factor
    if value < 0 or value != int(value):
        raise BadConfigError(f"{text!r} must be a whole number, not negative", where=where, mend="give a count ≥ 0")
    return int(value)


def parse_milliseconds(text: object, *, where: str) -> float:
    """Read a duration such as ``"20 ms"`` or ``"1.5 s"`` as milliseconds."""
    match = _PATTERN.fullmatch(str(text))
    if match is None or match.group(2) not in _SECONDS or float(match.group(1).replace(",", "")) < 0:
        raise BadConfigError(f"{text!r} is not a duration", where=where, mend='write for instance "20 ms"')
    return float(match.group(1).replace(",", "")) * _SECONDS[match.group(2)]


def parse_ratio(text: object, *, where: str) -> float:
    """Read a share such as ``0.9`` or ``"90 %"`` as a number from 0 to 1."""
    match = _PATTERN.fullmatch(str(text))
    value = -1.0
    if match is not None and not isinstance(text, bool) and match.group(2) in ("", "%"):
        value = float(match.group(1).replace(",", "")) / (100.0 if match.group(2) else 1.0)
    if not 0.0 <= value <= 1.0:
        raise BadConfigError(f"{text!r} is not a share from 0 to 1", where=where, mend='write 0.9 or "90 %"')
    return value


def format_count(value: int | float, unit: str = "") -> str:
    """``1234567`` as ``"1,234,567 B"``: exact counts are never rounded for the reader."""
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
    return f"{number} {unit}".rstrip()


def _factor(suffix: str, unit: str) -> int | None:
    for word in sorted(_WORDS[unit], key=len, reverse=True):
        if word and not suffix.endswith(word):
            continue
        prefix = suffix[: len(suffix) - len(word)] if word else suffix
        if prefix in _PREFIXES:
            return _PREFIXES[prefix]
    return None
