"""Estimates of Vela, and what becomes of its crashes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.ethos_u import CONFIGURATIONS, on_ethos_u
from edgekit.bench.inputs import Inputs, make_inputs
from edgekit.cli.main import main
from edgekit.core.errors import TargetError
from edgekit.export.tflite_writer import tflite_bytes

pytest.importorskip("ethosu", reason="pip install ethos-u-vela")


def _model(path: Path) -> tuple[Path, Inputs]:
    builder = Builder(np.random.default_rng(0), (1, 16, 16, 8))
    builder.conv2d(16, (3, 3), activation="relu")
    graph = builder.graph()
    path.write_bytes(tflite_bytes(graph))
    return path, make_inputs(path.name, graph, None, "balanced", clips=1, seed=0)


def test_a_larger_npu_is_estimated_faster_and_every_number_is_called_an_estimate(tmp_path: Path) -> None:
    path, inputs = _model(tmp_path / "m.tflite")
    small, large = (on_ethos_u(inputs, path, name) for name in ("ethos-u55-32", "ethos-u55-256"))
    assert small.details is not None and large.details is not None
    assert small.details["model_cycles"].value > large.details["model_cycles"].value
    # 16·16 outputs · 16 filters · 3·3·8 products, 32 of them a cycle at most
    assert small.details["model_cycles"].value >= 16 * 16 * 16 * 72 / 32
    assert {quantity.method for quantity in small.figures().values()} == {"estimated"}
    assert small.outputs_equal is None and small.latency_ms is None and "an estimate" in small.runner


def test_the_command_takes_npus_as_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = _model(tmp_path / "m.tflite")
    assert main(["bench", str(path), "--target", "ethos-u55-128", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["results"]
    assert row["target"] == "ethos-u55-128" and row["method"] == "estimated" and row["details"]["model_ms"]["value"] > 0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import sys; sys.exit('unsupported')", "status 1: unsupported"),
        ("pass", "no summary"),
    ],
)
def test_a_crash_is_an_error_of_one_line(tmp_path: Path, code: str, said: str) -> None:
    path, inputs = _model(tmp_path / "m.tflite")
    with pytest.raises(TargetError, match=said):
        on_ethos_u(inputs, path, CONFIGURATIONS[0], (sys.executable, "-c", code))
