"""UrbanSound8K (Salamon, Jacoby and Bello 2014): ``metadata/UrbanSound8K.csv`` and ``audio/fold1/…``, ten folds.

``source`` is the recording at freesound.org (``fsID``) that a slice was cut from; a source never crosses folds. The
authors ask for cross-validation over the ten folds as they are.
"""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import DataError
from edgekit.data.datasets.tables import read_columns
from edgekit.data.manifest import Clip, Manifest, Rejected, make_manifest

KINDS = {"urbansound8k": ""}
LIST = Path("metadata") / "UrbanSound8K.csv"
COLUMNS = ("slice_file_name", "fsID", "fold", "classID", "class")


def matches(path: Path) -> bool:
    """The set's root, told by its list."""
    return (path / LIST).is_file()


def read(path: Path, task: str = "") -> Manifest:
    """Read the set; labels are in the order of ``classID``, a row that cannot be used is rejected with its line.

    Raises:
        DataError: the list or a column of it is missing, or no clip.
    """
    if not matches(path):
        raise DataError("holds no UrbanSound8K", where=str(path), mend=f"expected {LIST} in it")
    rows = read_columns(path / LIST, COLUMNS, mend="fetch the set again")
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    classes: dict[str, int] = {}
    for line, row in rows:
        # Of "1 … 10" and a name without folders no path can be made that leaves the set's folder.
        if any(column not in row for column in COLUMNS) or "/" in row["slice_file_name"] or not _numbered(row):
            rejected.append(
                Rejected(row.get("slice_file_name", f"line {line}"), f"{LIST.name} line {line}: incomplete")
            )
            continue
        relative = f"audio/fold{row['fold']}/{row['slice_file_name']}"
        classes[row["class"]] = int(row["classID"])
        clips.append(Clip(relative, path / relative, row["class"], fold=row["fold"], source=row["fsID"]))
    return make_manifest("urbansound8k", path, clips, rejected, sorted(classes, key=lambda name: (classes[name], name)))


def _numbered(row: dict[str, str]) -> bool:
    return row["classID"].isdigit() and row["fold"].isdigit()
