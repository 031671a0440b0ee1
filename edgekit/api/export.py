"""A run as the files that the rest of the road takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import run_files
from edgekit.core.files import atomic_folder
from edgekit.core.optional import require


@dataclass(frozen=True)
class Exported:
    """The files of an export."""

    model: Path
    frontend: Path
    labels: Path


def export(run: str | Path, out: str | Path) -> Exported:
    """Write ``model.onnx`` (static, one clip), ``frontend.json`` and ``labels.txt`` into ``out``.

    Args:
        run: run folder, or its ``checkpoint.safetensors``.
        out: folder; files of these names in it are replaced.

    Raises:
        BadFileError: no checkpoint, a damaged one, or a folder that cannot be written.
        EdgekitError: ONNX Runtime does not compute what the model computes.
    """
    require("torch", "train")
    from edgekit.train.checkpoint import load_checkpoint
    from edgekit.train.onnx_export import write_onnx

    checkpoint = load_checkpoint(Path(run))
    folder = Path(os.fspath(out))
    with atomic_folder(folder) as temporary:
        write_onnx(checkpoint, temporary / run_files.MODEL)
        (temporary / run_files.FRONTEND).write_text(checkpoint.frontend.canonical() + "\n", "utf-8")
        (temporary / run_files.LABELS).write_text("".join(f"{label}\n" for label in checkpoint.labels), "utf-8")
    return Exported(folder / run_files.MODEL, folder / run_files.FRONTEND, folder / run_files.LABELS)
