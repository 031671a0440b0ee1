"""Float models on this machine: PyTorch and ONNX Runtime beside the float interpreter; CUDA where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.bench.figures import Plan
from edgekit.bench.on_cpu import LocalOptions
from edgekit.bench.on_float import TORCH_COMPILED, FloatInputs, on_float
from edgekit.cli.main import main

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgekit.features.presets import PRESETS
    from edgekit.models.registry import build_model
    from edgekit.train.checkpoint import Checkpoint, save_checkpoint

    torch.manual_seed(0)
    arguments = {"classes": 4, "channels": 8, "blocks": 1}
    weights = build_model("ds-cnn", **arguments).state_dict()
    folder = tmp_path_factory.mktemp("run")
    labels = ("a", "b", "c", "d")
    checkpoint = Checkpoint("ds-cnn", arguments, PRESETS["kws-mfcc-49x10"], labels, weights)
    save_checkpoint(checkpoint, folder / "checkpoint.safetensors")
    return folder


def _rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["results"]
    return rows


def test_a_run_is_measured_in_torch_and_onnx_runtime(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(run), "--target", "cpu", "--clips", "3", "--format", "json"]) == 0
    rows = _rows(capsys)
    assert [row["runner"].split()[0] for row in rows] == ["torch", "onnxruntime"]
    for row in rows:
        assert row["outputs_equal"] is True and row["latency_ms"]["p50"] > 0
        assert row["details"]["largest_difference"]["value"] < 1e-3
    assert rows[0]["details"]["batched_inferences_per_second"]["caveat"] == "batch 32"


def test_cuda_without_a_gpu_is_said_with_exit_code_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    assert main(["bench", str(run), "--target", "cuda", "--clips", "1", "--format", "json"]) == 2
    rows = _rows(capsys)
    problems = {row["runner"]: row["problem"] for row in rows}
    assert "no CUDA device" in problems["torch"] and "no CUDA device" in problems["torch-compiled"]
    assert "onnxruntime-gpu" in problems["onnxruntime"]
    assert all(row["latency_ms"] is None for row in rows)


def test_a_run_on_a_microcontroller_is_refused_in_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(run), "--target", "cortex-m4", "--clips", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "int8" in error and "quantize" in error


def _double(expected_factor: float) -> FloatInputs:
    """A program that doubles, with what it is expected to answer."""
    import io

    class Double(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.flatten(1) * 2

    buffer = io.BytesIO()
    torch.export.save(torch.export.export(Double(), (torch.zeros(1, 1, 2, 3),)), buffer)
    features = np.random.default_rng(0).normal(0, 1, (4, 2, 3, 1)).astype(np.float32)
    expected = features.reshape(4, -1) * np.float32(expected_factor)
    return FloatInputs("double", b"", buffer.getvalue(), None, features, expected)


def test_other_outputs_have_no_times() -> None:
    plan = Plan(runs=20, seconds=0.01)
    (good,) = on_float(_double(2.0), "cpu", LocalOptions(["torch"], plan=plan))
    (wrong,) = on_float(_double(2.1), "cpu", LocalOptions(["torch"], plan=plan))
    assert good.outputs_equal is True and good.latency_ms is not None
    assert wrong.outputs_equal is False and wrong.latency_ms is None and "differ" in wrong.problem


@pytest.mark.slow
def test_the_compiled_way_runs_on_the_processor_as_it_would_on_cuda() -> None:
    (row,) = on_float(_double(2.0), "cpu", LocalOptions([TORCH_COMPILED], plan=Plan(runs=20, seconds=0.01)))
    assert row.problem == "" and row.outputs_equal is True and "compiled" in row.runner
