"""Data sets under other labels: who speaks instead of what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.core.errors import DataError
from edgekit.data.datasets.csv_manifest import COLUMNS
from edgekit.data.manifest import Clip, Manifest, make_manifest
from edgekit.data.write import write_rows

GROUPS = ("speaker", "device", "source", "fold")


def relabel(manifests: Sequence[Manifest], by: str) -> Manifest:
    """All clips of the sets, labelled by a group; with several sets, a label begins with its set's name.

    Args:
        manifests: at least one.
        by: "speaker", "device", "source" or "fold".

    Raises:
        DataError: no clip names that group.
    """
    if by not in GROUPS or not manifests:
        raise DataError(f"cannot label by {by!r}", where="--by", mend=f"use one of {', '.join(GROUPS)}")
    clips: list[Clip] = []
    for manifest in manifests:
        prefix = f"{manifest.name}/" if len(manifests) > 1 else ""
        for clip in manifest.clips:
            value = getattr(clip, by)
            if value:
                clips.append(replace(clip, id=prefix + clip.id, label=prefix + value))
    if not clips:
        raise DataError(f"no clip has a {by}", where=manifests[0].name, mend="give a set that names it")
    name = " + ".join(manifest.name for manifest in manifests)
    return make_manifest(f"{name} by {by}", manifests[0].root, clips)


def write_manifest(manifest: Manifest, path: Path) -> None:
    """A CSV manifest with absolute paths, which :func:`edgekit.data.datasets.read_manifest` reads back."""
    rows = [
        {name: value for name in COLUMNS if (value := getattr(clip, name)) or name in ("path", "label")}
        for clip in manifest.clips
    ]
    write_rows(path, COLUMNS, rows)
