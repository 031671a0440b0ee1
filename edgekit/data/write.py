"""Writing of clips and manifests: 16-bit FLAC or WAV, whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgekit.core.files import write_bytes
from edgekit.core.optional import require

FORMATS = ("flac", "wav")


def write_clip(path: Path, pcm: np.ndarray, rate: int) -> None:
    """Write int16 [n] as the FLAC or WAV that the name's ending says.

    Raises:
        BadFileError: it cannot be written (a full disk, for instance); nothing is left behind.
    """
    out = io.BytesIO()  # libsndfile would wait for the disk at the end of every file
    require("soundfile", "all").write(out, pcm, rate, format=path.suffix[1:].upper(), subtype="PCM_16")
    write_bytes(path, out.getvalue())


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write a table as CSV; a row lacks what is None.

    Raises:
        BadFileError: it cannot be written; nothing is left behind.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, out.getvalue().encode())
