from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import edgekit


def test_every_public_name_can_be_used() -> None:
    assert [name for name in edgekit.__all__ if getattr(edgekit, name, None) is None] == []


def test_importing_edgekit_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import edgekit; print(sorted(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "numpy" not in out and "onnx" not in out


def test_a_wrong_name_is_an_attribute_error() -> None:
    assert not hasattr(edgekit, "trian")


def test_a_function_that_is_named_like_its_room_can_be_called_before_and_after_the_room_was_imported(
    tmp_path: Path,
) -> None:
    missing = tmp_path / "none.onnx"
    for _ in range(2):
        with pytest.raises(edgekit.EdgekitError, match="none"):
            edgekit.quantize(missing, missing, tmp_path / "out.tflite")
        importlib.import_module("edgekit.quantize.ptq")
    assert edgekit.quantize.ptq.quantize_graph.__name__ == "quantize_graph"
    assert all(callable(getattr(edgekit, name)) for name in edgekit._PUBLIC)
