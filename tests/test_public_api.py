from __future__ import annotations

import subprocess
import sys

import edgekit


def test_every_public_name_can_be_used() -> None:
    assert [name for name in edgekit.__all__ if getattr(edgekit, name, None) is None] == []


def test_importing_edgekit_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import edgekit; print(sorted(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "numpy" not in out and "onnx" not in out


def test_a_wrong_name_is_an_attribute_error() -> None:
    assert not hasattr(edgekit, "trian")
