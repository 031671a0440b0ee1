"""Free Spoken Digit Dataset in its original layout: ``recordings/7_jackson_32.wav`` = digit_speaker_take.

The official split: takes 0 to 4 of every speaker and digit are the test set. A copy with a ``manifest.csv`` is read as
a CSV manifest.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgekit.data.datasets import csv_manifest
from edgekit.data.manifest import Clip, Manifest, Rejected, make_manifest

KINDS = {"fsdd": ""}
FOLDER = "recordings"
TEST_TAKES = 5
_NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.(wav|flac|ogg)")


def matches(path: Path) -> bool:
    """The repository's root, the folder ``recordings`` itself, or a copy with a CSV manifest."""
    return _recordings(path) is not None or csv_manifest.matches(path)


def read(path: Path, task: str = "") -> Manifest:
    """Read the set; files whose name is not digit_speaker_take are rejected.

    Raises:
        DataError: no clip.
    """
    folder = _recordings(path)
    if folder is None:
        return csv_manifest.read(path)
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for file in sorted(folder.iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None:
            rejected.append(Rejected(file.name, "the name is not digit_speaker_take"))
            continue
        digit, speaker, take, _ = match.groups()
        split = "test" if int(take) < TEST_TAKES else "train"
        clips.append(Clip(file.name, file, digit, split=split, speaker=speaker))
    return make_manifest("fsdd", folder, clips, rejected)


def _recordings(path: Path) -> Path | None:
    """The folder of recordings, told by one file name of the set's form."""
    for folder in (path / FOLDER, path):
        if folder.is_dir() and any(_NAME.fullmatch(file.name) for file in folder.iterdir()):
            return folder
    return None
