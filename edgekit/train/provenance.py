"""``RUN/provenance.json``: what a run was made with, written once, when it begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgekit.core import run_files
from edgekit.core.files import write_json
from edgekit.core.surroundings import surroundings
from edgekit.data.cache import AudioCache


def note_provenance(folder: Path, train: AudioCache, valid: AudioCache | None) -> None:
    """Write versions, command line, and digests over the contents of the clips; a run that goes on keeps what it has.

    Args:
        folder: of the run.
        train: its training clips.
        valid: its validation clips.
    """
    path = folder / run_files.PROVENANCE
    if path.is_file() or os.environ.get("LOCAL_RANK", "0") != "0":  # a further process of Lightning's DDP
        return
    data = {"train": _clips(train), "valid": _clips(valid) if valid else None}
    write_json(path, {"schema_version": 1, **surroundings(), "data": data})


def _clips(cache: AudioCache) -> dict[str, Any]:
    return {"name": cache.manifest.name, "clips": len(cache), "digest": cache.digest}
