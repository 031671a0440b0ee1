"""The aarch64 wheels of LiteRT and ONNX Runtime in QEMU, where a root for them was made."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.inputs import make_inputs
from edgekit.export.tflite_writer import tflite_bytes

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from arm64_runtimes import QEMU, SITE, compare

ROOT = Path(os.environ.get("EDGEKIT_ARM64_ROOT", "-"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(QEMU) is None, reason="install qemu-user-static (Debian package)")
@pytest.mark.skipif(not (ROOT / SITE).is_dir(), reason="set EDGEKIT_ARM64_ROOT to what scripts/setup-arm64 prints")
@pytest.mark.parametrize("runtime", ["litert", "onnxruntime"])
def test_the_wheels_give_the_labels_of_the_integer_model(runtime: str, tmp_path: Path) -> None:
    builder = Builder(np.random.default_rng(0), (1, 12, 12, 3))
    builder.conv2d(8, (3, 3), activation="relu")
    pooled = builder.activation("pooled", (1, 8))
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    path = tmp_path / "m.tflite"
    path.write_bytes(tflite_bytes(builder.graph()))
    row = compare(ROOT, path, make_inputs("m", builder.graph(), None, "balanced", clips=4, seed=0), runtime)
    assert row["problem"] == "" and row["largest_difference"] <= 2
    assert "cortex-a72" in row["runtime"]
