"""Data sets: list, inspect, fetch, synthesise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.api.inspect import Inspection, inspect_manifest
from edgekit.core.progress import Progress, silent
from edgekit.data.fetch import Fetched, data_folder
from edgekit.data.fetch import fetch as _fetch
from edgekit.data.manifest import Manifest
from edgekit.data.sources import load_sources
from edgekit.data.synth.config import SynthConfig

__all__ = ["Inspection", "SynthConfig", "fetch", "inspect_manifest", "list_datasets", "relabel_sets", "synthesise"]


def list_datasets(registry: Path | None = None, folder: Path | None = None) -> list[dict[str, Any]]:
    """The sets that can be fetched, and those that lie in the data folder.

    Args:
        registry: of fetchable sets; edgekit's own when None.
        folder: of data sets; ``EDGEKIT_DATA`` when None.

    Returns:
        For each set "name", "title", "licence", "bytes" (None where not known), "checksum" (published for all of its
        files), "fetchable" and "path" (None where it is not there).
    """
    place = folder or data_folder()
    there = {child.name: child for child in sorted(place.iterdir()) if child.is_dir()} if place.is_dir() else {}
    rows = []
    for source in load_sources(registry).values():
        rows.append(
            {
                "name": source.name,
                "title": source.title,
                "licence": source.licence,
                "bytes": source.size,
                "checksum": all(file.md5 or file.sha256 for file in source.files),
                "fetchable": True,
                "path": str(there.pop(source.name)) if source.name in there else None,
            }
        )
    local = {"title": "", "licence": "", "bytes": None, "checksum": False, "fetchable": False}
    rows += [{"name": name, **local, "path": str(path)} for name, path in there.items() if name[0] != "."]
    return rows


def fetch(
    name: str,
    folder: Path | None = None,
    registry: Path | None = None,
    keep_archives: bool = False,
    progress: Progress = silent,
) -> Fetched:
    """Download, verify and unpack a public data set; see :func:`edgekit.data.fetch.fetch`."""
    return _fetch(name, folder, registry, keep_archives, progress)


def synthesise(config: SynthConfig, folder: Path, progress: Progress = silent, workers: int | None = None) -> Manifest:
    """Render a keyword set from text; see :func:`edgekit.data.synth.synthesise.synthesise`."""
    from edgekit.data.synth.synthesise import synthesise as render

    return render(config, folder, progress, workers)


def relabel_sets(data: Sequence[str], by: str, out: Path, select: str | None = None) -> Manifest:
    """Write a CSV manifest of the sets ``data`` under labels of a group (:func:`edgekit.data.relabel.relabel`).

    Args:
        data: paths of data sets, ``KIND:PATH`` where the kind must be said.
        by: "speaker", "device", "source" or "fold".
        out: CSV file.
        select: clips of each set (:mod:`edgekit.data.selector`); a model knows no label but those that remain.

    Raises:
        DataError: a set that cannot be read, or no clip names the group.
    """
    from edgekit.data.datasets import read_manifest
    from edgekit.data.relabel import relabel, write_manifest
    from edgekit.data.selector import select_clips

    sets = [read_manifest(path) for path in data]
    manifest = relabel([select_clips(item, select) for item in sets] if select else sets, by)
    write_manifest(manifest, out)
    return manifest
