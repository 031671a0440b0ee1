"""``edgekit bench`` from the outside: rows, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench import inputs, runtimes
from edgekit.cli.main import main
from edgekit.export.tflite_writer import tflite_bytes


def _model(path: Path, channels: int = 4, side: int = 10) -> Path:
    builder = Builder(np.random.default_rng(0), (1, 49, side, 1))
    builder.conv2d(channels, (3, 3), stride=(4, 4), activation="relu")
    pooled = builder.activation("pooled", (1, channels))
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    path.write_bytes(tflite_bytes(builder.graph()))
    return path


def _rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["results"]
    return rows


def test_bench_prints_the_contract_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    model = _model(tmp_path / "m.tflite")
    arguments = ["bench", str(model), "--target", "cpu", "--target", "m4", "--frontend", "kws-mfcc-49x10"]
    assert main([*arguments, "--clips", "3", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema_version"] == 1
    rows = {(row["target"], row["runner"].split(",")[0].split()[0]): row for row in answer["results"]}
    host, core = rows["cpu", "generated"], rows["cortex-m4", "unicorn"]
    for row in (host, core):
        assert row["outputs_equal"] is True
        assert {
            "model",
            "target",
            "runner",
            "method",
            "instructions",
            "flash_bytes",
            "ram_bytes",
            "stack_bytes",
            "label_agreement",
            "methods",
        } <= set(row)
    assert core["methods"] == {
        "instructions": "emulated", "ram_bytes": "exact", "flash_bytes": "exact", "stack_bytes": "emulated",
    }  # fmt: skip
    assert host["latency_ms"]["p50"] > 0 and host["instructions"] is None
    assert core["latency_ms"] is None and core["method"] == "emulated"
    details = core["details"]
    total = details["model_instructions"]["value"] + details["frontend_instructions"]["value"]
    assert core["instructions"] == pytest.approx(total, rel=0.01)


def test_bench_measures_what_it_is_told_to_optimize(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    model = _model(tmp_path / "m.tflite", channels=16, side=20)
    found = {}
    for purpose in ("size", "speed"):
        assert (
            main(["bench", str(model), "--target", "m4", "--clips", "1", "--optimize", purpose, "--format", "json"])
            == 0
        )
        found[purpose] = json.loads(capsys.readouterr().out)["results"][0]
    assert found["speed"]["instructions"] < found["size"]["instructions"]
    assert found["speed"]["flash_bytes"] > found["size"]["flash_bytes"]


def test_every_runtime_has_a_row_and_its_own_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("ai_edge_litert")
    model = str(_model(tmp_path / "m.tflite"))
    assert main(["bench", model, "--target", "cpu", "--clips", "4", "--format", "json"]) == 0
    rows = _rows(capsys)
    assert [row["runner"].split()[0] for row in rows] == ["generated", "onnxruntime", "ai-edge-litert"]
    for row in rows:
        assert row["latency_ms"]["p50"] <= row["latency_ms"]["p90"] <= row["latency_ms"]["p99"]
        assert "1 thread" in row["runner"] and row["details"]["inferences_per_second"]["value"] > 0
    c, onnxruntime, litert = (row["details"]["peak_memory"]["value"] for row in rows)
    assert c < 10_000_000 < min(onnxruntime, litert)


def test_differences_end_in_exit_code_1_and_no_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "run_integer", lambda graph, x: np.full((len(x), 4), 3, dtype=np.int8))
    model = str(_model(tmp_path / "m.tflite"))
    assert main(["bench", model, "--target", "cpu", "--runner", "c", "--format", "json"]) == 1
    (row,) = _rows(capsys)
    assert row["outputs_equal"] is False
    assert row["ram_bytes"] is None and row["latency_ms"] is None and "differ" in row["problem"]


def test_what_does_not_fit_has_a_row_and_the_others_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    model = str(_model(tmp_path / "m.tflite", channels=64, side=600))
    targets = ["--target", "cortex-m3", "--target", "cpu", "--runner", "c", "--clips", "1"]
    assert main(["bench", model, *targets, "--format", "json"]) == 2
    small, host = _rows(capsys)
    assert "does not fit" in small["problem"] and small["outputs_equal"] is None
    assert host["outputs_equal"] is True and host["problem"] is None


def test_a_crashing_runtime_costs_only_its_own_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    crash = tmp_path / "crash.py"
    crash.write_text("import os; os.kill(os.getpid(), 11)")
    monkeypatch.setattr(runtimes, "SERVER", crash)
    model = str(_model(tmp_path / "m.tflite"))
    arguments = ["bench", model, "--target", "cpu", "--runner", "onnxruntime", "--runner", "c", "--clips", "2"]
    assert main([*arguments, "--format", "json"]) == 2
    crashed, c = _rows(capsys)
    assert "SIGSEGV" in crashed["problem"] and c["outputs_equal"] is True


def test_without_a_gpu_cuda_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is a CUDA runtime here")
    model = str(_model(tmp_path / "m.tflite"))
    assert main(["bench", model, "--target", "cuda", "--format", "json"]) == 2
    (row,) = _rows(capsys)
    assert row["target"] == "cuda" and "onnxruntime-gpu" in row["problem"] and row["latency_ms"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target", "rpi9"], "unknown target"),
        (["--runner", "tensorrt"], "tensorrt"),
        (["--threads", "1000"], "1000 threads"),
        (["--runner", "torch"], "run folders"),
    ],
)
def test_impossible_requests_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    model = str(_model(tmp_path / "m.tflite"))
    assert main(["bench", model, "--target", "cpu", "--clips", "1", *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error


def test_the_table_marks_how_each_number_was_obtained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    model = str(_model(tmp_path / "m.tflite"))
    assert main(["bench", model, "--target", "cpu", "--target", "m4", "--runner", "c", "--clips", "2"]) == 0
    out = capsys.readouterr().out
    assert "m measured, e emulated, x exact, p planned, ~ estimated" in out
    assert "100.0% of 2" in out


def test_inputs_come_from_a_feature_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", features=np.random.default_rng(0).normal(0, 1, (7, 49, 10, 1)).astype(np.float32))
    model = str(_model(tmp_path / "m.tflite"))
    arguments = ["bench", model, "--target", "cpu", "--runner", "c", "--clips", "5", "--data", str(tmp_path / "x.npz")]
    assert main([*arguments, "--format", "json"]) == 0
    (row,) = _rows(capsys)
    assert row["clips"] == 5 and row["outputs_equal"] is True
