"""What a run left on disk, found and read for a report."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core import run_files
from edgekit.core.errors import BadConfigError, BadFileError

ROAD = "road.json"
MODEL_SUFFIXES = (".tflite", ".onnx", ".safetensors")
_LARGEST = 16 << 20  # bytes of a metrics, history or recipe file; a run writes kilobytes
_AGAIN = "train the run again"


@dataclass(frozen=True)
class RunFiles:
    """The files of one entry of a report; None stands for what is not there.

    Attributes:
        name: what the report calls it.
        folder: of the training run.
        float_model: checkpoint, or a float model file.
        exported: the ONNX file that a road wrote.
        int8: all-integer model.
        probe: ONNX file written for this report alone, to count what the run would be on a device.
        road: ``road.json`` of ``edgekit demo``.
    """

    name: str
    folder: Path | None = None
    float_model: Path | None = None
    exported: Path | None = None
    int8: Path | None = None
    probe: Path | None = None
    road: Path | None = None

    @property
    def counted(self) -> Path | None:
        """The model whose costs count: what goes onto the device, else the next best."""
        return self.int8 or self.exported or self.probe or self.float_model

    @property
    def models(self) -> tuple[Path, ...]:
        """What can be evaluated: float first."""
        return tuple(path for path in (self.float_model, self.int8) if path is not None)


def find_run(path: Path, int8: Path | None = None) -> RunFiles:
    """The files of a run folder of ``edgekit train``, of a folder of ``edgekit demo``, or a model file alone.

    Args:
        path: folder or file.
        int8: the integer model of the run; by default the one ``.tflite`` in the folder.

    Raises:
        BadFileError: neither a run nor a model.
        BadConfigError: a folder with several ``.tflite`` files and none chosen.
    """
    if path.is_file() and path.suffix.lower() in MODEL_SUFFIXES:
        whole = path.suffix.lower() == ".tflite" and int8 is None
        return RunFiles(path.name, float_model=None if whole else path, int8=path if whole else int8)
    inner = path / "run"
    folder = inner if (path / ROAD).is_file() or (inner / run_files.HISTORY).is_file() else path
    if not (folder / run_files.HISTORY).is_file():
        mend = "give a run folder of edgekit train, a folder of edgekit demo, or a model file"
        raise BadFileError(f"holds no run ({run_files.HISTORY} is missing)", where=str(path), mend=mend)
    checkpoint, exported, road = folder / run_files.CHECKPOINT, path / "export" / run_files.MODEL, path / ROAD
    return RunFiles(
        name=path.resolve().name,
        folder=folder,
        float_model=folder if checkpoint.is_file() else None,
        exported=exported if exported.is_file() else None,
        int8=int8 or _only_tflite(path),
        road=road if road.is_file() else None,
    )


def _only_tflite(folder: Path) -> Path | None:
    found = sorted(folder.glob("*.tflite"))
    if len(found) > 1:
        raise BadConfigError(
            f"holds {len(found)} .tflite files", where=str(folder), mend=f"say which one: --int8 {found[0]}"
        )
    return found[0] if found else None


def read_history(path: Path) -> list[dict[str, float]]:
    """``history.csv`` of a run: one mapping an epoch, empty cells left out.

    Raises:
        BadFileError: missing, damaged or without an epoch.
    """
    rows = list(csv.DictReader(read_text(path).splitlines()))
    try:
        history = [{key: float(value) for key, value in row.items() if key and value} for row in rows]
    except (TypeError, ValueError) as error:
        raise BadFileError("is not a table of numbers", where=str(path), mend=_AGAIN) from error
    if not history or "epoch" not in history[0]:
        raise BadFileError("holds no epoch", where=str(path), mend=_AGAIN)
    return history


def read_object(path: Path, mend: str = _AGAIN) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadFileError: it cannot be read, or is none.
    """
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise BadFileError("is not JSON", where=str(path), mend=mend) from error
    if not isinstance(value, dict):
        raise BadFileError("is not a JSON object", where=str(path), mend=mend)
    return value


def read_text(path: Path) -> str:
    """UTF-8 text of a file that a run or a command wrote.

    Raises:
        BadFileError: it cannot be read, or is far larger than any such file.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise BadFileError("is too large for a file of a run", where=str(path), mend="give a run folder")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError("cannot be read", where=str(path), mend="give a run folder of edgekit train") from error
