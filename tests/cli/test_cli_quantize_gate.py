"""``edgekit quantize``: accuracy drop, budgets, report, sensitivity, other quantizers, what cannot become integer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli_quantize import LABELS, SPEC, failure, features, model

from edgekit.cli.main import main
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

__all__ = ["features", "model"]  # fixtures


@pytest.fixture
def tones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recordings of three classes, pitched apart."""
    soundfile = pytest.importorskip("soundfile")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    time = np.arange(4000) / 8000
    for index, label in enumerate(LABELS):
        (tmp_path / "tones" / label).mkdir(parents=True)
        for take in range(6):
            tone = 0.3 * np.sin(2 * np.pi * (400 + 900 * index + 20 * take) * time) + rng.normal(0, 0.02, 4000)
            soundfile.write(tmp_path / "tones" / label / f"{take}.wav", tone, 8000)
    return tmp_path / "tones"


def test_accuracy_sensitivity_and_report(
    model: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", str(model), "--calib", str(tones), "--eval", str(tones), "--sensitivity"]
    page, out = tmp_path / "page.html", tmp_path / "out" / "small.tflite"
    assert main([*arguments, "--report", str(page), "-o", str(out), "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    accuracy = result["accuracy"]
    assert accuracy["clips"] == 18
    assert accuracy["drop"] == pytest.approx(accuracy["float_accuracy"] - accuracy["int8_accuracy"])
    interval = accuracy["int8_minus_float"]["accuracy"]["clip"]
    assert interval["low"] <= -accuracy["drop"] <= interval["high"]
    assert [row["op"] for row in result["sensitivity"]][:2] == ["input", "conv2d"]
    assert (tmp_path / "out" / "small.sensitivity.svg").read_text().startswith("<svg")
    text = page.read_text()
    assert "paired bootstrap by clip" in text and "Noisiest layers" in text and "Accuracy by label" in text
    assert "<script src" not in text


@pytest.mark.parametrize("accuracy, code", [("100 %", 1), ("0 %", 0)])
def test_accuracy_below_the_budgets_limit_ends_in_exit_code_1(
    accuracy: str, code: int, model: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = tmp_path / "drop.toml"
    limits = f'[limits]\naccuracy = "{accuracy}"\naccuracy_drop = "100 %"\n'
    budget.write_text(f'description = "d"\nsource = "s"\ncounting = "true"\n{limits}')
    out = tmp_path / "small.tflite"
    arguments = ["quantize", str(model), "--calib", str(tones), "--eval", str(tones), "--budget", str(budget)]
    assert main([*arguments, "-o", str(out)]) == code
    assert ("FAIL" if code else "PASS") in capsys.readouterr().out
    assert out.is_file()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--report", "page.html"], "give them with --eval"),
        (["--budget", "thesis-128kB-30MMAC"], "give --eval MANIFEST"),
        (["--method", "ort", "--sensitivity"], "edgekit's own quantizer"),
    ],
)
def test_options_that_contradict_each_other(
    options: list[str],
    message: str,
    model: Path,
    features: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in failure([str(model), "--calib", str(features), *options], tmp_path / "o.tflite", capsys)


def test_onnx_runtimes_quantizer_gives_an_integer_file_with_its_own_labels(
    model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxruntime.quantization")
    out = tmp_path / "ort.tflite"
    arguments = ["quantize", str(model), "--calib", str(features), "--method", "ort", "-o", str(out)]
    assert main([*arguments, "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["method"] == "ort"
    graph = lower(load_graph(out))
    assert {tensor.dtype for tensor in graph.tensors.values()} == {"int8", "int32"}
    assert graph.metadata["edgekit.frontend_digest"] == SPEC.digest
    from edgekit.quantize.compare import dequantized_outputs

    x = np.load(features)["features"]
    ours = dequantized_outputs(graph, x[..., None]).argmax(axis=1)
    session = runtime.InferenceSession(str(model))
    name = session.get_inputs()[0].name
    float_labels = [int(session.run(None, {name: clip[None, None]})[0].argmax()) for clip in x]
    assert np.mean(ours == float_labels) >= 0.9


def test_a_missing_package_is_named(
    model: Path,
    features: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "nncf", None)
    line = failure([str(model), "--calib", str(features), "--method", "nncf"], tmp_path / "o.tflite", capsys)
    assert "nncf" in line and "pip install 'edgekit[nncf]'" in line


@pytest.fixture
def odd_model(tmp_path: Path) -> Path:
    """A convolution, two operators without integer form, and a dense layer."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32),
        "d": rng.normal(0, 0.1, (4, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["features", "w"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("LpNormalization", ["a"], ["b"], name="norm", axis=1, p=2),
        helper.make_node("Softsign", ["b"], ["c"], name="sign"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flat"),
        helper.make_node("MatMul", ["f", "d"], ["logits"], name="dense"),
    ]
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("features", 1, [1, 1, *SPEC.feature_shape])],
        [helper.make_tensor_value_info("logits", 1, [1, 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path = tmp_path / "odd.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_every_operator_that_would_stay_in_float_is_listed(
    odd_model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = failure([str(odd_model), "--calib", str(features)], tmp_path / "o.tflite", capsys)
    assert "would stay in float" in line and "--allow-float" in line
    assert "1 LpNormalization (norm)" in line


def test_allow_float_writes_a_file_for_onnx_runtime_and_says_what_is_left(
    odd_model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxruntime.quantization")
    out = tmp_path / "out" / "odd.tflite"
    arguments = ["quantize", str(odd_model), "--calib", str(features), "--allow-float", "-o", str(out)]
    assert main([*arguments, "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["tflite"] is None and result["float_ops"] >= 1
    assert "LpNormalization" in [item["op"] for item in result["left_in_float"]]
    assert [path.name for path in out.parent.iterdir()] == ["odd.qdq.onnx"]
    x = np.load(features)["features"][:20, None]
    logits = []
    for path in (odd_model, out.with_suffix(".qdq.onnx")):
        session = runtime.InferenceSession(str(path))
        logits.append(np.concatenate([session.run(None, {"features": clip[None]})[0] for clip in x]))
    assert np.abs(logits[1] - logits[0]).max() < 0.1 * np.ptp(logits[0])


def test_a_qdq_model_keeps_its_integers(
    model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    assert main(["quantize", str(model), "--calib", str(features), "-o", str(first)]) == 0
    arguments = ["quantize", str(first.with_suffix(".qdq.onnx")), "--calib", str(features), "-o", str(second)]
    assert main(arguments) == 0
    assert "qdq" in capsys.readouterr().out
    graphs = [lower(load_graph(path)) for path in (first, second)]
    for before, after in zip(graphs[0].nodes, graphs[1].nodes, strict=True):
        assert graphs[0].tensor(before.outputs[0]).scale_zero() == graphs[1].tensor(after.outputs[0]).scale_zero()
    line = failure([*arguments[1:4], "--sensitivity"], tmp_path / "o.tflite", capsys)
    assert "is quantized already" in line


@pytest.mark.parametrize("content", ["silence", "a lower rate", "no recordings", "NaN"])
def test_recordings_that_cannot_calibrate_are_refused(
    content: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soundfile = pytest.importorskip("soundfile")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    rate = 4000 if content == "a lower rate" else 8000
    wave = np.zeros(rate // 2) if content == "silence" else np.random.default_rng(0).normal(0, 0.1, rate // 2)
    (tmp_path / "cache").mkdir()
    for label in LABELS:
        (tmp_path / "set" / label).mkdir(parents=True)
        if content != "no recordings":
            sound = np.full(rate // 2, np.nan) if content == "NaN" else wave
            soundfile.write(tmp_path / "set" / label / "a.wav", sound, rate, subtype="FLOAT")
    line = failure([str(model), "--calib", str(tmp_path / "set")], tmp_path / "o.tflite", capsys)
    told = {
        "silence": "silent",
        "a lower rate": "4,000 Hz, the model's front-end takes 8,000 Hz",
        "no recordings": "holds no data set",
        "NaN": "holds samples that are not finite",
    }
    assert told[content] in line


@pytest.mark.parametrize("ram, wide", [("1 kB", False), ("100 kB", True)])
def test_memory_to_spare_goes_into_16_bits(
    ram: str, wide: bool, model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mixed.tflite"
    assert main(["quantize", str(model), "--calib", str(features), "--mixed-ram", ram, "-o", str(out)]) == 0
    kinds = {tensor.dtype for tensor in lower(load_graph(out)).tensors.values()}
    assert ("int16" in kinds) == wide and "float32" not in kinds
