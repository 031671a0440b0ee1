"""Selections of clips as text: ``"split=train"``, ``"fold=1,2,3"``, ``"speaker=spk00..spk17"``, ``"speaker!=george"``.

Terms joined by ``&`` must all hold. A value may be a list with commas; ``a..b`` is a numeric range, ends included, of
names that differ in their final digits only. ``"all"`` selects everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.spelling import did_you_mean
from edgekit.data.manifest import Clip, Manifest

FIELDS = ("split", "fold", "device", "speaker", "source", "label", "id")

_TERM = re.compile(r"\s*(\w+)\s*(!?=)\s*(.+?)\s*")
_NUMBERED = re.compile(r"(.*?)(\d+)")


def parse_selector(text: str) -> Callable[[Clip], bool]:
    """Turn a selection into a predicate.

    A clip whose field is None matches no ``=`` term and every ``!=`` term.

    Raises:
        BadConfigError: not a selection, unknown field, or a range whose ends do not belong together.
    """
    if text.strip() == "all":
        return lambda clip: True
    terms = [_parse_term(term, text) for term in text.split("&")]
    return lambda clip: all(term(clip) for term in terms)


def select_clips(manifest: Manifest, text: str) -> Manifest:
    """The clips of ``manifest`` that the selection ``text`` picks, at least one.

    Raises:
        BadConfigError: not a selection.
        DataError: it picks no clip; the message lists the values that there are.
    """
    chosen = manifest.where(parse_selector(text))
    if chosen.clips:
        return chosen
    there = "; ".join(f"{name}: {_values(manifest, name)}" for name in FIELDS[:-1] if re.search(rf"\b{name}\b", text))
    raise DataError(f"{text!r} selects no clip", where=manifest.name, mend=f"there is {there}")


def _parse_term(term: str, whole: str) -> Callable[[Clip], bool]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise BadConfigError(f"{term!r} is no selection", where=whole, mend='write for instance "speaker=spk00..spk17"')
    field, operator, values = match.groups()
    if field not in FIELDS:
        mend = did_you_mean(field, FIELDS)
        raise BadConfigError(f"unknown field {field!r}", where=whole, mend=mend)
    tests = [_parse_value(value.strip(), whole) for value in values.split(",")]

    def holds(clip: Clip) -> bool:
        value = getattr(clip, field)
        inside = value is not None and any(test(value) for test in tests)
        return inside if operator == "=" else not inside

    return holds


def _parse_value(value: str, whole: str) -> Callable[[str], bool]:
    if not value:
        raise BadConfigError("an empty value", where=whole, mend="remove the comma or give a value")
    if ".." not in value:
        return lambda actual: actual == value
    ends = [_NUMBERED.fullmatch(end) for end in value.split("..")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0][1] != ends[1][1]:
        mend = 'both ends need the same beginning and a number, as in "spk00..spk17"'
        raise BadConfigError(f"{value!r} is no range", where=whole, mend=mend)
    prefix, low, high = ends[0][1], int(ends[0][2]), int(ends[1][2])
    if low > high:
        raise BadConfigError(f"the range {value!r} runs backwards", where=whole, mend="swap its ends")

    def within(actual: str) -> bool:
        match = _NUMBERED.fullmatch(actual)
        return match is not None and match[1] == prefix and low <= int(match[2]) <= high

    return within


def _values(manifest: Manifest, field: str, most: int = 12) -> str:
    """The values of a field, shortened: they go into an error message."""
    values = sorted({value for clip in manifest.clips if (value := getattr(clip, field)) is not None})
    shown = ", ".join(values[:most]) if values else "none"
    return f"{shown}, … ({len(values)} in all)" if len(values) > most else shown
