"""Runs and model files, opened for questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.api.device import pick_device
from edgekit.core.errors import BadFileError
from edgekit.features.spec import FrontendSpec
from edgekit.features.spec_file import load_spec
from edgekit.train.predictors import Predictor, open_predictor

_LARGEST_LABELS = 1 << 20


def open_models(
    paths: Sequence[Path],
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    device: str = "cpu",
    hop_ms: float | None = None,
) -> dict[Path, Predictor]:
    """Predictors by path; those whose files share a name are called by their paths.

    Args:
        paths: run folders, ``.safetensors``, ``.onnx`` or ``.tflite`` files.
        frontend: preset, file or spec; must be the one the models were made for.
        labels: text file, one class name a line, for models that carry none.
        device: of runs: "cpu", "cuda", or "auto".
        hop_ms: step between windows; None keeps that of each model.

    Raises:
        EdgekitError: a damaged model, another front-end, no labels, no such device.
    """
    spec = frontend if frontend is None or isinstance(frontend, FrontendSpec) else load_spec(frontend)
    names = None if labels is None else read_labels(Path(labels))
    placed = device if device == "cpu" else pick_device(device).type
    opened = {path: open_predictor(path, spec, names, placed) for path in paths}
    if hop_ms is not None:
        opened = {path: replace(p, windows=replace(p.windows, hop_ms=hop_ms)) for path, p in opened.items()}
    called = [predictor.name for predictor in opened.values()]
    return {
        path: replace(predictor, name=str(path)) if called.count(predictor.name) > 1 else predictor
        for path, predictor in opened.items()
    }


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line.

    Raises:
        BadFileError: not readable text, or empty.
    """
    try:
        if path.stat().st_size > _LARGEST_LABELS:
            raise BadFileError("is larger than 1 MiB", where=str(path), mend="give one label a line")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError("cannot be read as UTF-8 text", where=str(path), mend="give one label a line") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise BadFileError("holds no label", where=str(path), mend="give one label a line")
    return names
