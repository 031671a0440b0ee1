"""Names of the files in a run folder and of what is exported from it, for who writes them and for who reads them."""

from __future__ import annotations

from pathlib import Path

RECIPE = "recipe.toml"
"""The resolved recipe."""
IDENTITY = "run.json"
"""Digests of everything that decides the run: a resume must find the same."""
FRONTEND = "frontend.json"
"""The spec, normalisation included; lies beside an exported model, too."""
STATE = "last.ckpt"
"""Loop state of the last finished epoch."""
HISTORY = "history.csv"
"""One row an epoch."""
CHECKPOINT = "checkpoint.safetensors"
"""The weights to use."""
PROVENANCE = "provenance.json"
"""Versions, command line and digests of the clips."""
START = "start.json"
"""What the weights to start from gave, where there are such."""
METRICS = "metrics.json"
"""Validation scores of the weights to use; written when the run has ended."""

MODEL = "model.onnx"
LABELS = "labels.txt"
"""Of an export: the float model, and its class names, one a line."""


def checkpoint_of(path: Path) -> Path:
    """The weights of a run folder; a path that is no folder is a file of weights itself."""
    return path / CHECKPOINT if path.is_dir() else path
