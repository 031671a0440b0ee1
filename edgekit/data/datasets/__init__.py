"""Readers of data sets, one a file: :func:`read_manifest` finds whatever lies in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgekit.core.errors import BadConfigError, DataError
from edgekit.core.spelling import did_you_mean
from edgekit.data.manifest import Manifest


@dataclass(frozen=True)
class Reader:
    """One way to read a data set.

    Attributes:
        kind: what users write before the colon of ``KIND:PATH``.
        matches: ``matches(path)``: whether the folder or file is such a data set.
        read: ``read(path, task)``: its manifest.
        task: what of the data set is read, where several things can be.
        auto: whether ``--kind auto`` may find it; where data sets are read for several tasks, one of them is.
    """

    kind: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, str], Manifest]
    task: str = ""
    auto: bool = True


@cache
def readers() -> Mapping[str, Reader]:
    """All readers by kind.

    A module of this package that has ``KINDS``, a dict of kind to task, is a reader; its first kind is the one that
    ``auto`` finds. ``auto`` asks them in the order of their modules' names, any folder of classes last.
    """
    found: dict[str, Reader] = {}
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        for place, (kind, task) in enumerate(getattr(module, "KINDS", {}).items()):
            found[kind] = Reader(kind, module.matches, module.read, task, auto=place == 0)
    return found


_ANY_FOLDER = "folder"
_DESCEND = 2  # archives put a data set one or two folders deep: ESC-50-master/ESC-50-master/meta


def read_manifest(path: str | Path, kind: str = "auto") -> Manifest:
    """Read a data set as a manifest.

    Args:
        path: a CSV file or the folder of a data set; ``"KIND:PATH"`` names the kind as well.
        kind: "auto", or a kind of :func:`readers`.

    Returns:
        A manifest with at least one clip, whose files exist; no audio was opened.

    Raises:
        DataError: the path does not exist, holds no data set of that kind, or no usable clip.
        BadConfigError: unknown kind.
        BadFileError: a list of the data set is damaged.
    """
    text = str(path)
    prefix, colon, rest = text.partition(":")
    if kind == "auto" and colon and prefix in readers() and not Path(text).exists():
        kind, text = prefix, rest
    place = Path(text).expanduser().absolute()
    if kind != "auto" and kind not in readers():
        mend = did_you_mean(kind, readers(), f"use auto or one of {', '.join(sorted(readers()))}")
        raise BadConfigError(f"unknown kind of data set {kind!r}", mend=mend)
    if not place.exists():
        raise DataError("no such file or folder", where=text, mend="give a manifest.csv or the folder of a data set")
    kinds = [reader for reader in readers().values() if reader.auto] if kind == "auto" else [readers()[kind]]
    found = _find(place, [reader for reader in kinds if reader.kind != _ANY_FOLDER], _DESCEND)
    if found is None:
        found = _find(place, [reader for reader in kinds if reader.kind == _ANY_FOLDER], 0)
    if found is None:
        raise DataError(
            "holds no data set" if kind == "auto" else f"holds no data set of kind {kind}",
            where=text,
            mend="expected a CSV with the columns path and label, or one folder of audio files for each class",
        )
    where, reader = found
    return reader.read(where, reader.task)


def _find(place: Path, kinds: list[Reader], depth: int) -> tuple[Path, Reader] | None:
    """The folder or file at ``place``, or below it through folders that hold one folder only, that a reader takes."""
    for reader in kinds:
        if reader.matches(place):
            return place, reader
    if depth and place.is_dir():
        inside = [child for child in place.iterdir() if child.is_dir() and not child.name.startswith(".")]
        if len(inside) == 1:
            return _find(inside[0], kinds, depth - 1)
    return None
