"""Checkpoints: round trip, and clear errors for what a stranger may send."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError, EdgekitError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, LABELS_KEY, MODEL_KEY
from edgekit.features.presets import PRESETS
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

LABELS = ("no", "yes", "änderung")


def _checkpoint() -> Checkpoint:
    arguments = {"classes": 3, "channels": [8, 8]}
    torch.manual_seed(0)
    return Checkpoint(
        model="ds-cnn",
        arguments=arguments,
        frontend=PRESETS["kws-mfcc-49x10"],
        labels=LABELS,
        weights=build_model("ds-cnn", **arguments).state_dict(),
        metrics={"epoch": 3},
        recipe={"name": "x"},
    )


def _rewrite(path: Path, **changes: str | None) -> None:
    """Change the metadata of a checkpoint; None removes a key."""
    with safetensors.safe_open(path, framework="pt") as stream:
        metadata = {**stream.metadata(), **{k: v for k, v in changes.items() if v is not None}}
        weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    metadata = {key: value for key, value in metadata.items() if changes.get(key, value) is not None}
    safetensors.torch.save_file(weights, path, metadata)


def test_round_trip(tmp_path: Path) -> None:
    original = _checkpoint()
    save_checkpoint(original, tmp_path / "checkpoint.safetensors")
    read = load_checkpoint(tmp_path)
    assert (read.model, read.arguments, read.labels) == (original.model, original.arguments, LABELS)
    assert read.frontend.digest == PRESETS["kws-mfcc-49x10"].digest
    assert (read.metrics, read.recipe) == ({"epoch": 3}, {"name": "x"})
    x = torch.randn(2, 1, 49, 10)
    model = build_model("ds-cnn", **original.arguments)
    model.load_state_dict(dict(original.weights))
    assert torch.equal(read.build()(x), model.eval()(x))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({FRONTEND_DIGEST_KEY: "sha256:00"}, DigestMismatchError, "front-end"),
        ({LABELS_KEY: "not json"}, BadFileError, "not JSON"),
        ({LABELS_KEY: '["a", "b"]'}, BadFileError, "2 labels for 3 outputs"),
        ({LABELS_KEY: '["a", "a", "b"]'}, BadFileError, "not unique"),
        ({LABELS_KEY: "[1, 2, 3]"}, BadFileError, "not text"),
        ({MODEL_KEY: None}, BadFileError, "no edgekit.model"),
        ({MODEL_KEY: json.dumps({"name": "os.system", "arguments": {"classes": 3}})}, BadConfigError, "unknown model"),
        (
            {MODEL_KEY: json.dumps({"name": "ds-cnn", "arguments": {"classes": 3, "channels": [4000, 4000]}})},
            BadFileError,
            "the model has",
        ),
    ],
)
def test_inconsistent_files_are_refused(
    tmp_path: Path, changes: dict[str, str | None], error: type[EdgekitError], message: str
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(_checkpoint(), path)
    _rewrite(path, **changes)
    with pytest.raises(error, match=message):
        load_checkpoint(path).build()


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64, b"\x00" * 8])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(BadFileError, match="not a safetensors file"):
        load_checkpoint(tmp_path)


def test_missing_checkpoint_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="no checkpoint here"):
        load_checkpoint(tmp_path)


def test_labels_must_fit_the_outputs() -> None:
    with pytest.raises(BadFileError, match="2 labels for 3 outputs"):
        dataclasses.replace(_checkpoint(), labels=("a", "b"))
