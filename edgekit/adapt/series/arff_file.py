"""The ``.arff`` form of the UCR/UEA archive: numeric attributes, or one relational attribute, and a nominal class."""

from __future__ import annotations

import re

import numpy as np

from edgekit.adapt.series.series_set import SeriesSet, make_set, values_of
from edgekit.core.errors import BadFileError

_CLASS = re.compile(r"@attribute\s+\S+\s*\{([^}]*)\}", re.IGNORECASE)
_RELATION = re.compile(r"@relation\s+(\S+)", re.IGNORECASE)
_ROW = re.compile(r"""^\s*(?:'([^']*)'|"([^"]*)")\s*,\s*(.+?)\s*$""")


def parse_arff(text: str, where: str) -> SeriesSet:
    r"""Text of an ``.arff`` file; a relational attribute holds the dimensions of a series, separated by ``\n``.

    Raises:
        BadFileError: see :func:`edgekit.adapt.series.series.read_series`.
    """
    head, marker, body = _at_data(text)
    nominal = _CLASS.findall(head)
    if not marker or not nominal:
        raise BadFileError("has no @data line or no nominal class", where=where, mend="this is no such problem")
    labels = tuple(part.strip().strip("'\"") for part in nominal[-1].split(","))
    name = _RELATION.search(head)
    series: list[np.ndarray] = []
    names: list[str] = []
    for number, line in enumerate(filter(_holds_data, body.splitlines()), start=1):
        place = f"{where}, series {number}"
        rows, label = _row(line, place)
        series.append(_stacked([values_of(row, place) for row in rows], place))
        names.append(label.strip().strip("'\""))
    return make_set(name[1].strip("'\"") if name else "series", series, names, labels, where)


def _at_data(text: str) -> tuple[str, str, str]:
    match = re.search(r"^\s*@data\s*$", text, re.IGNORECASE | re.MULTILINE)
    return (text[: match.start()], match[0], text[match.end() :]) if match else (text, "", "")


def _holds_data(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("%")


def _row(line: str, where: str) -> tuple[list[str], str]:
    """Dimensions and label of a line."""
    relational = _ROW.match(line)
    if relational:
        quoted = relational[1] if relational[1] is not None else relational[2]
        return quoted.split("\\n"), relational[3]
    values, comma, label = line.rpartition(",")
    if not comma:
        raise BadFileError("has no label", where=where, mend="download it again")
    return [values], label


def _stacked(rows: list[np.ndarray], where: str) -> np.ndarray:
    if len({len(row) for row in rows}) != 1:
        raise BadFileError("has dimensions of different lengths", where=where, mend="give the equal-length form")
    return np.stack(rows)
