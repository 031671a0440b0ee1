"""CSV manifests: columns ``path,label``, and where known the groups and numbers of a clip.

Groups are split, fold, device, speaker and source; numbers are sample_rate, start and samples. Paths are relative to
the CSV's folder, or absolute. Other columns are tolerated and ignored.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgekit.data.datasets.tables import read_columns
from edgekit.data.manifest import Clip, Manifest, Rejected, clip_id, make_manifest

KINDS = {"csv": ""}
GROUPS = ("split", "fold", "device", "speaker", "source")
NUMBERS = ("sample_rate", "start", "samples")
COLUMNS = ("path", "label", *GROUPS, *NUMBERS)
FILE_NAME = "manifest.csv"


def matches(path: Path) -> bool:
    """A ``.csv`` or ``.tsv`` file, or a folder that holds ``manifest.csv``."""
    return path.suffix.lower() in (".csv", ".tsv") if path.is_file() else (path / FILE_NAME).is_file()


def read(path: Path, task: str = "") -> Manifest:
    """Read a CSV manifest; a row that cannot be used is rejected with its line number.

    A relative path that leaves the CSV's folder through ``..`` is rejected: the CSV may come from a stranger.

    Raises:
        DataError: the column path or label is missing, or no row is usable.
        BadFileError: not a text table.
    """
    table = path if path.is_file() else path / FILE_NAME
    mend = "the first line must name the columns path and label; it names {there}"
    rows = read_columns(table, ("path", "label"), mend)
    root = table.parent
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for line, row in rows:
        found = _clip(root, row, f"{table.name} line {line}")
        clips.append(found) if isinstance(found, Clip) else rejected.append(found)
    name = table.stem if table.name != FILE_NAME else root.name
    return make_manifest(name, root, clips, rejected)


def _clip(root: Path, row: dict[str, str], line: str) -> Clip | Rejected:
    relative, label = row.get("path", ""), row.get("label", "")
    if not relative or not label:
        return Rejected(relative or line, f"{line}: no {'label' if relative else 'path'}")
    outside = escapes(relative)
    if outside:
        return Rejected(relative, f"{line}: {outside}")
    numbers: dict[str, int] = {}
    for column in NUMBERS:
        text = row.get(column, "0")
        if not (text.isascii() and text.isdigit() and len(text) < 13):
            return Rejected(relative, f"{line}: {column} {text[:40]!r} is not a whole number")
        numbers[column] = int(text)
    place = Path(os.path.normpath(root / relative))
    return Clip(
        clip_id(relative, numbers["start"]),
        place,
        label,
        split=row.get("split"),
        fold=row.get("fold"),
        device=row.get("device"),
        speaker=row.get("speaker"),
        source=row.get("source"),
        sample_rate=numbers["sample_rate"],
        start=numbers["start"],
        samples=numbers["samples"],
    )


def escapes(relative: str) -> str:
    """Why a relative path of a list may not be followed, or an empty string. Absolute paths are the user's own word."""
    if not Path(relative).is_absolute() and Path(os.path.normpath(relative)).parts[:1] == ("..",):
        return "the path leaves the folder of the manifest"
    return ""
