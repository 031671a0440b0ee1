"""What a user gets wrong: one line that says how to mend it, exit code 2, nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.cli.main import main

onnx = pytest.importorskip("onnx")
soundfile = pytest.importorskip("soundfile")

Arguments = list[str]


def _text_as_onnx(folder: Path) -> Arguments:
    (folder / "model.onnx").write_text("this is no model\n")
    return ["check-budget", str(folder / "model.onnx"), "--budget", "mlperf-tiny-kws"]


def _truncated_tflite(folder: Path) -> Arguments:
    whole = _tflite(folder)
    (folder / "cut.tflite").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return ["compile", str(folder / "cut.tflite"), "--target", "cpu", "-o", str(folder / "out")]


def _empty_folder_of_models(folder: Path) -> Arguments:
    (folder / "models").mkdir()
    return ["check-budget", str(folder / "models"), "--budget", "mlperf-tiny-kws"]


def _empty_folder_of_clips(folder: Path) -> Arguments:
    (folder / "clips").mkdir()
    return ["data", "inspect", str(folder / "clips")]


def _only_a_zero_second_wav(folder: Path) -> Arguments:
    (folder / "clips" / "yes").mkdir(parents=True)
    soundfile.write(folder / "clips" / "yes" / "a.wav", np.zeros(0, np.int16), 16_000)
    return ["data", "inspect", str(folder / "clips")]


def _unknown_op(folder: Path) -> Arguments:
    node = onnx.helper.make_node("Frobnicate", ["x"], ["y"], name="layer7", domain="acme")
    return [
        "quantize",
        str(_onnx(folder, node, [1, 4])),
        "--calib",
        str(_npz(folder)),
        "-o",
        str(folder / "out.tflite"),
    ]


def _dynamic_batch_and_time(folder: Path) -> Arguments:
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="layer7", pads=[1, 1, 1, 1])
    weights = onnx.numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    model = _onnx(folder, node, ["batch", 1, 40, "time"], weights)
    return ["check-budget", str(model), "--budget", "thesis-128kB-30MMAC"]


def _digest_mismatch(folder: Path) -> Arguments:
    model = str(_tflite(folder, {"edgekit.frontend_digest": "sha256:" + "0" * 64}))
    return ["compile", model, "--frontend", "kws-logmel-40", "--target", "cpu", "-o", str(folder / "out")]


def _onnx(folder: Path, node: object, shape: list[object], *weights: object) -> Path:
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)  # noqa: E731
    graph = onnx.helper.make_graph([node], "g", [value("x")], [value("y")], list(weights))
    imports = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("acme", 1)]
    path = folder / "model.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=imports), path)
    return path


def _npz(folder: Path) -> Path:
    np.savez(folder / "calibration.npz", features=np.zeros((2, 4), np.float32))
    return folder / "calibration.npz"


def _tflite(folder: Path, metadata: dict[str, str] | None = None) -> Path:
    from edgekit.export.tflite_writer import write_tflite
    from edgekit.graph.graph import Graph, Node
    from edgekit.graph.tensor import Quantization, Tensor

    quant = Quantization(np.float32([0.1]), np.int64([0]))
    tensors = {name: Tensor(name, (1, 101, 40, 1), "int8", quant) for name in ("x", "y")}
    graph = Graph("g", "edge", tensors, (Node("relu", "r", ("x",), ("y",)),), ("x",), ("y",), metadata or {})
    write_tflite(graph, folder / "model.tflite")
    return folder / "model.tflite"


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (_text_as_onnx, "model.onnx"),
        (_truncated_tflite, "cut.tflite"),
        (_empty_folder_of_models, "models"),
        (_empty_folder_of_clips, "clips"),
        (_only_a_zero_second_wav, "a.wav"),
        (_unknown_op, "Frobnicate"),
        (_dynamic_batch_and_time, "--dim"),
        (_digest_mismatch, "front-end"),
    ],
)
def test_each_mistake_gets_one_line_and_exit_code_two(
    case: Callable[[Path], Arguments], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = case(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main(arguments) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.strip()]
    assert any(says in line for line in errors) or says in captured.out
    assert "Traceback" not in captured.err and "internal error" not in captured.err
    assert "PASS" not in captured.out
    assert all(len(line) < 600 for line in errors)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_broken_clip_is_listed_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("yes", "no"):
        (tmp_path / label).mkdir()
        tone = np.sin(np.arange(16_000) / 9.0) * 9_000
        soundfile.write(tmp_path / label / "good.wav", tone.astype(np.int16), 16_000)
    soundfile.write(tmp_path / "yes" / "empty.wav", np.zeros(0, np.int16), 16_000)
    (tmp_path / "no" / "text.wav").write_text("no audio")
    assert main(["data", "inspect", str(tmp_path), "--format", "json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["clips"] == 2
    assert {Path(item["path"]).name for item in found["rejected"]} == {"empty.wav", "text.wav"}
    assert "empty.wav" in captured.err and "text.wav" in captured.err
