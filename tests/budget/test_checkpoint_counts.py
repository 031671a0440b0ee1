"""Checkpoints of edgekit: exact from the header, the rest from the model's sketch, never guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.budget.checkpoint import read_checkpoint
from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.core.errors import BadFileError
from edgekit.core.model_metadata import MODEL_KEY
from edgekit.features.presets import PRESETS

torch = pytest.importorskip("torch")


def save(path: Path, name: str = "ds-cnn", metadata: dict[str, str] | None = None) -> Any:
    """A checkpoint of the registered model; returns the module."""
    from edgekit.models.registry import build_model
    from edgekit.train.checkpoint import Checkpoint, save_checkpoint

    module = build_model(name, classes=12)
    spec = PRESETS["kws-mfcc-49x10"]
    labels = tuple(f"word {index}" for index in range(12))
    save_checkpoint(Checkpoint(name, {"classes": 12}, spec, labels, module.state_dict()), path)
    return module


def value(counts: Counts, key: str) -> Any:
    quantity = counts.tallies[key].quantity
    return None if quantity is None else quantity.value


def test_a_checkpoint_counts_like_its_export(tmp_path: Path) -> None:
    from edgekit.graph.readers.load import load_graph
    from edgekit.train.onnx_export import export_module

    module = save(tmp_path / "c.safetensors")
    _, ours = read_checkpoint(tmp_path / "c.safetensors")
    export_module(module.eval(), (49, 10), tmp_path / "m.onnx", {})
    exported = count(load_graph(tmp_path / "m.onnx"))
    for key in ("parameters", "macs_true", "macs_dcase", "parameter_bytes_dcase", "other_ops"):
        assert value(ours, key) == value(exported, key), key
    assert value(ours, "parameters") == sum(parameter.numel() for parameter in module.parameters())
    stored = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    assert value(ours, "parameter_bytes_true") == stored


def rewrite(path: Path, change: Any) -> Path:
    """The file with its header changed, offsets kept."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])
    return path


def named(**model: Any) -> Any:
    return lambda header: header["__metadata__"].update({MODEL_KEY: json.dumps(model)})


@pytest.mark.parametrize(
    "change",
    [
        named(name="no-such-model", arguments={}),
        named(name="ds-cnn", arguments={"classes": 3}),
        named(name="ds-cnn", arguments={"classes": 12, "nonsense": 1}),
        named(name="ds-cnn", arguments={"classes": 2**60}),
        named(name=7),
        lambda header: header.pop("__metadata__"),
    ],
)
def test_what_the_header_does_not_tell_is_undecided(tmp_path: Path, change: Any) -> None:
    module = save(tmp_path / "c.safetensors")
    _, counts = read_checkpoint(rewrite(tmp_path / "c.safetensors", change))
    assert value(counts, "parameters") == sum(parameter.numel() for parameter in module.parameters())
    assert value(counts, "macs_true") is None and value(counts, "peak_ram") is None
    reason = counts.tallies["macs_true"].reasons[0]
    assert "no operators" in reason.text and reason.mend == "export it first: edgekit export"


def first(header: dict[str, Any]) -> dict[str, Any]:
    return next(entry for name, entry in header.items() if name != "__metadata__")


@pytest.mark.parametrize(
    "change",
    [
        lambda header: first(header).update(shape=[2**20, 2**20]),
        lambda header: first(header).update(shape=[-1]),
        lambda header: first(header).update(dtype="F8"),
        lambda header: first(header).update(data_offsets=[0, 2**40]),
        lambda header: first(header).update(data_offsets=[4, 8]),
        lambda header: first(header).pop("shape"),
        lambda header: header.update(extra={"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}),
        lambda header: header.update(extra=5),
    ],
)
def test_headers_that_do_not_fit_the_file_are_refused(tmp_path: Path, change: Any) -> None:
    save(tmp_path / "c.safetensors")
    with pytest.raises(BadFileError):
        read_checkpoint(rewrite(tmp_path / "c.safetensors", change))


@pytest.mark.parametrize("data", [b"", b"1234567", bytes(16), b"\xff" * 64, (100).to_bytes(8, "little") + b"{}"])
def test_files_that_are_no_checkpoints(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(data)
    with pytest.raises(BadFileError):
        read_checkpoint(path)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "c.safetensors")
    whole = (tmp_path / "c.safetensors").read_bytes()
    for share in np.linspace(0.01, 0.999, 20):
        (tmp_path / "c.safetensors").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BadFileError):
            read_checkpoint(tmp_path / "c.safetensors")
