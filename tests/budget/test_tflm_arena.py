"""TFLM's own arena: what the package says, or why it is not known."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgekit.api.check_budget import check_budget
from edgekit.budget import tflm_arena
from edgekit.core.errors import MissingDependencyError, UnsupportedOpError


def test_the_reference_models_arena(models_root: Path) -> None:
    """24,272 B, of which 16,000 B are activations: what the package's recording allocator prints for this model."""
    pytest.importorskip("tflite_micro")
    quantity = tflm_arena.tflm_arena(models_root / "kws_ref_model.tflite")
    assert quantity.method == "measured"
    assert 16_000 < quantity.value < 40_000
    assert "16,000 B of activations" in quantity.caveat


def test_a_damaged_file_ends_the_process_that_asks_not_this_one(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8)
    with pytest.raises(UnsupportedOpError, match="TFLM refuses it"):
        tflm_arena.tflm_arena(path)


def test_without_the_package_it_is_said(
    models_root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    model = models_root / "kws_ref_model.tflite"
    with pytest.raises(MissingDependencyError, match="tflite-micro is not installed"):
        tflm_arena.tflm_arena(model)
    verdict = check_budget(model, tflm=True)
    assert verdict.models[0].quantities["peak_ram_tflm"] is None
    assert "not installed" in caplog.text


def test_nobody_asks_unless_told(models_root: Path) -> None:
    assert "peak_ram_tflm" not in check_budget(models_root / "kws_ref_model.tflite").models[0].quantities


def test_other_formats_are_not_tflms(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOpError, match="tflite"):
        tflm_arena.tflm_arena(tmp_path / "m.onnx")
