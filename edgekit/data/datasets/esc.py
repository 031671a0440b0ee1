"""ESC-50 and its subset ESC-10 (Piczak 2015): ``meta/esc50.csv`` and ``audio/1-100032-A-0.wav``, five folds.

``source`` is the recording at freesound.org that a clip was cut from; a source never crosses folds.
"""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import DataError
from edgekit.data.datasets.tables import read_columns
from edgekit.data.manifest import Clip, Manifest, Rejected, make_manifest

KINDS = {"esc-50": "50", "esc-10": "10"}
LIST = Path("meta") / "esc50.csv"
COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")


def matches(path: Path) -> bool:
    """The repository's root, told by its list."""
    return (path / LIST).is_file()


def read(path: Path, task: str = "50") -> Manifest:
    """Read the set.

    Args:
        path: the repository's root.
        task: "50" (labels in the order of the set's targets) or "10" (the ten classes flagged ``esc10``, sorted).

    Raises:
        DataError: a column is missing from the list, or no clip.
    """
    if not matches(path):
        raise DataError("holds no ESC-50", where=str(path), mend=f"expected {LIST} in it")
    rows = read_columns(path / LIST, COLUMNS, mend="fetch the set again")
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    targets: dict[str, int] = {}
    for line, row in rows:
        if any(column not in row for column in COLUMNS) or "/" in row["filename"] or not row["target"].isdigit():
            rejected.append(Rejected(row.get("filename", f"line {line}"), f"esc50.csv line {line}: incomplete"))
            continue
        if task == "10" and row["esc10"] != "True":
            continue
        relative = f"audio/{row['filename']}"
        targets[row["category"]] = int(row["target"])
        clips.append(Clip(relative, path / relative, row["category"], fold=row["fold"], source=row["src_file"]))
    order = sorted(targets) if task == "10" else sorted(targets, key=lambda name: (targets[name], name))
    return make_manifest(f"esc-{task}", path, clips, rejected, order)
