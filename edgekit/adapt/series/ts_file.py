"""The ``.ts`` form: ``@`` lines, then a line a series, its dimensions and its label separated by colons."""

from __future__ import annotations

import numpy as np

from edgekit.adapt.series.series_set import SeriesSet, make_set, values_of
from edgekit.core.errors import BadFileError


def parse_ts(text: str, where: str) -> SeriesSet:
    """Text of a ``.ts`` file.

    Raises:
        BadFileError: see :func:`edgekit.adapt.series.series.read_series`; also time stamps, and regression targets.
    """
    header, body = _split(text, where)
    if header.get("timestamps", "false").lower() == "true":
        raise BadFileError("has time stamps", where=where, mend="give the form without")
    words = header.get("classlabel", "false").split()
    if not words or words[0].lower() != "true" or len(words) < 3:
        raise BadFileError("has no class labels", where=where, mend="give a classification problem")
    series: list[np.ndarray] = []
    names: list[str] = []
    for number, line in enumerate(body, start=1):
        *rows, label = line.split(":")
        place = f"{where}, series {number}"
        if not rows:
            raise BadFileError("has no label", where=place, mend="download it again")
        values = [values_of(row, place) for row in rows]
        longest = max(len(row) for row in values)
        series.append(np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in values]))
        names.append(label.strip())
    return make_set(header.get("problemname", "series"), series, names, tuple(words[1:]), where)


def _split(text: str, where: str) -> tuple[dict[str, str], list[str]]:
    """Header by lower-case key, and the lines after ``@data``."""
    header: dict[str, str] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines):
        plain = line.strip()
        if plain.lower() == "@data":
            return header, [row.strip() for row in lines[number + 1 :] if row.strip() and not row.startswith("#")]
        if plain.startswith("@"):
            key, _, value = plain[1:].partition(" ")
            header[key.lower()] = value.strip()
    raise BadFileError("has no @data line", where=where, mend="this is no .ts file")
