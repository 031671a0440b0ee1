"""A folder of classes: one subfolder a class, audio files in it at any depth.

Where the top level consists of split names (``train/yes/1.wav``), the classes are one level lower. Folders whose name
begins with ``.`` or ``_`` are no classes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edgekit.data.audio import SUFFIXES
from edgekit.data.manifest import Clip, Manifest, Rejected, clip_id, make_manifest

KINDS = {"folder": ""}
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def matches(path: Path) -> bool:
    """A folder with at least one class folder that holds an audio file."""
    return path.is_dir() and any(_audio_files(folder) for _, folder in _classes(path))


def read(path: Path, task: str = "") -> Manifest:
    """Read a folder of classes; files with other endings than those of audio are no clips and are not listed.

    A class folder without any audio file is rejected by name.

    Raises:
        DataError: no clip.
    """
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for split, folder in _classes(path):
        files = _audio_files(folder)
        if not files:
            rejected.append(Rejected(str(folder.relative_to(path)), "the class folder holds no audio file"))
        for file in files:
            relative = file.relative_to(path).as_posix()
            clips.append(Clip(clip_id(relative), file, folder.name, split=split))
    return make_manifest(path.name, path, clips, rejected)


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and child.name[0] not in "._")


def _classes(path: Path) -> Iterator[tuple[str | None, Path]]:
    top = _folders(path)
    if len(top) > 1 and all(folder.name.lower() in SPLITS for folder in top):
        for folder in top:
            for inner in _folders(folder):
                yield SPLITS[folder.name.lower()], inner
        return
    for folder in top:
        yield None, folder


def _audio_files(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names if Path(name).suffix.lower() in SUFFIXES and name[0] != "."]
    return sorted(found)
