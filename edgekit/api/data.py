"""Data sets: list, inspect, fetch, synthesise."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.progress import Progress, silent
from edgekit.data.fetch import Fetched, data_folder
from edgekit.data.fetch import fetch as _fetch
from edgekit.data.manifest import Clip, Manifest, Rejected, read_manifest
from edgekit.data.sources import load_sources
from edgekit.data.synth.config import SynthConfig

GROUPS = ("label", "split", "fold", "device", "speaker")

__all__ = ["Inspection", "SynthConfig", "fetch", "inspect_manifest", "list_datasets", "synthesise"]


@dataclass(frozen=True)
class Inspection:
    """What is in a data set.

    Attributes:
        manifest: the usable clips, with lengths and rates.
        counts: for each group ("label", "split", …) that occurs: value → clips, in order of value.
        table: label → split → clips.
        sample_rates: Hz → clips.
        seconds: "min", "median", "max", "total" of the usable clips.
        rejected: what was left out, and why.
    """

    manifest: Manifest
    counts: dict[str, dict[str, int]]
    table: dict[str, dict[str, int]]
    sample_rates: dict[int, int]
    seconds: dict[str, float]
    rejected: tuple[Rejected, ...]

    def to_json(self) -> dict[str, Any]:
        """The output of ``edgekit data inspect --format json``."""
        return {
            "schema_version": 1,
            "name": self.manifest.name,
            "root": str(self.manifest.root),
            "clips": len(self.manifest),
            "labels": list(self.manifest.labels),
            "counts": self.counts,
            "label_by_split": self.table,
            "sample_rates": {str(rate): count for rate, count in self.sample_rates.items()},
            "seconds": self.seconds,
            "rejected": [{"path": item.path, "reason": item.reason} for item in self.rejected],
        }


def inspect_manifest(
    path: str | Path, kind: str = "auto", select: str = "all", decode: bool = True, progress: Progress = silent
) -> Inspection:
    """Count what a data set holds and find what is broken.

    Args:
        path: a CSV manifest or the folder of a data set.
        kind: how to read it, see :func:`edgekit.data.manifest.read_manifest`.
        select: which clips to look at, see :mod:`edgekit.data.selector`.
        decode: decode every clip, which finds damage and silence; False reads the headers only.
        progress: told about clips.

    Raises:
        DataError: no data set, or no usable clip in it.
        BadConfigError: unknown kind or field.
    """
    from edgekit.data.audio import probe_manifest
    from edgekit.data.check import check_manifest
    from edgekit.data.selector import select_clips

    manifest = select_clips(read_manifest(path, kind), select)
    checked = (check_manifest if decode else probe_manifest)(manifest, progress).require_clips()
    lengths = [clip.samples / clip.sample_rate for clip in checked.clips]
    seconds = {
        "min": min(lengths),
        "median": statistics.median(lengths),
        "max": max(lengths),
        "total": sum(lengths),
    }
    return Inspection(
        manifest=checked,
        counts={name: found for name in GROUPS if (found := _count(checked.clips, name))},
        table={label: _count([c for c in checked.clips if c.label == label], "split") for label in checked.labels},
        sample_rates=dict(sorted(Counter(clip.sample_rate for clip in checked.clips).items())),
        seconds={key: round(value, 4) for key, value in seconds.items()},
        rejected=checked.rejected,
    )


def _count(clips: tuple[Clip, ...] | list[Clip], name: str) -> dict[str, int]:
    values = Counter(value for clip in clips if (value := getattr(clip, name)) is not None)
    return dict(sorted(values.items()))


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
