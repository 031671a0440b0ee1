"""Readers of data sets, one a file, and the table by which :func:`~edgekit.data.manifest.read_manifest` finds them."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path

from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.manifest import Manifest

# kind -> (module, task). Each module has `matches(path) -> bool` and `read(path, task) -> Manifest`. "auto" tries the
# kinds in this order and takes the first that matches, so an ambiguous folder goes to the more particular reader.
READERS: dict[str, tuple[str, str]] = {
    "esc-50": ("esc", "50"),
    "csv": ("csv_manifest", ""),
    "tau2022": ("tau2022", ""),
    "gsc-12": ("speech_commands", "12"),
    "fsdd": ("fsdd", ""),
    "folder": ("class_folders", ""),
    "gsc-10": ("speech_commands", "10"),
    "gsc-35": ("speech_commands", "35"),
    "esc-10": ("esc", "10"),
}

_DESCEND = 2  # archives put a data set one or two folders deep: ESC-50-master/ESC-50-master/meta


def read(path: str | Path, kind: str = "auto") -> Manifest:
    """See :func:`edgekit.data.manifest.read_manifest`."""
    text = str(path)
    prefix, colon, rest = text.partition(":")
    if kind == "auto" and colon and prefix in READERS and not Path(text).exists():
        kind, text = prefix, rest
    place = Path(text).expanduser().absolute()
    if kind != "auto" and kind not in READERS:
        near = difflib.get_close_matches(kind, READERS, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"use auto or one of {', '.join(sorted(READERS))}"
        raise BadConfigError(f"unknown kind of data set {kind!r}", mend=mend)
    if not place.exists():
        raise DataError("no such file or folder", where=text, mend="give a manifest.csv or the folder of a data set")
    kinds = list(READERS) if kind == "auto" else [kind]
    found = _find(place, [name for name in kinds if name != "folder"], _DESCEND)
    if found is None and "folder" in kinds:
        found = _find(place, ["folder"], 0)
    if found is None:
        raise DataError(
            "holds no data set" if kind == "auto" else f"holds no data set of kind {kind}",
            where=text,
            mend="expected a CSV with the columns path and label, or one folder of audio files for each class",
        )
    module, task = READERS[found[1]]
    manifest: Manifest = importlib.import_module(f"edgekit.data.datasets.{module}").read(found[0], task)
    return manifest


def _find(place: Path, kinds: list[str], depth: int) -> tuple[Path, str] | None:
    """The folder or file at ``place``, or below it through folders that hold one folder only, that a reader takes."""
    for kind in kinds:
        if importlib.import_module(f"edgekit.data.datasets.{READERS[kind][0]}").matches(place):
            return place, kind
    if depth and place.is_dir():
        inside = [child for child in place.iterdir() if child.is_dir() and not child.name.startswith(".")]
        if len(inside) == 1:
            return _find(inside[0], kinds, depth - 1)
    return None
