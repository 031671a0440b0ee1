"""Quantization-aware training of whole runs: what was trained is what the chip computes; resume; refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from int8_oracles import tflm_outputs

from edgekit.api.export import export
from edgekit.api.qat import QatOptions
from edgekit.api.quantize import quantize
from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, DigestMismatchError
from edgekit.features.quantized import quantize_features
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared
from edgekit.quantize.twin import FakeQuantTwin
from edgekit.train.checkpoint import load_checkpoint

EPOCHS = 3
SMALL = ("schedule.epochs=4",)


@pytest.fixture(scope="module")
def float_run(tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, audio_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("qat") / "run"
    train(tiny_recipe, tones, folder, overrides=SMALL, device="cpu", cache=audio_cache)
    return folder


@pytest.fixture(scope="module")
def model(float_run: Path) -> Path:
    return export(float_run, float_run.parent / "export").model


def options(run: Path, tones: Path, folder: Path, **changes: object) -> QatOptions:
    chosen = {"run": run, "folder": folder, "data": tones, "epochs": EPOCHS, "device": "cpu", **changes}
    return QatOptions(**chosen)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tuned(float_run: Path, model: Path, tones: Path, audio_cache: Path) -> Path:
    """The fine-tuned TFLite file; its run folder lies beside it."""
    out = float_run.parent / "tuned.tflite"
    quantize(model, tones, out, qat=options(float_run, tones, out.with_suffix(".qat")), cache=audio_cache)
    return out


def test_what_was_trained_is_what_tflm_computes(tuned: Path, model: Path) -> None:
    graph = prepared(lower(load_graph(model)), PtqOptions())
    dims = graph.tensor(graph.inputs[0]).dims
    x = np.random.default_rng(0).normal(0, 1.2, (400, *dims[1:])).astype(np.float32)
    twin = FakeQuantTwin(graph, quantize_prepared(graph, x[:50])).eval()
    twin.load_state_dict(dict(load_checkpoint(tuned.with_suffix(".qat")).weights))
    with torch.no_grad():
        trained = twin(torch.from_numpy(x)).numpy()
    integer = lower(load_graph(tuned))
    fed = quantize_features(x, *integer.tensor(integer.inputs[0]).scale_zero())
    scale, zero_point = integer.tensor(integer.outputs[0]).scale_zero()
    steps = tflm_outputs(tuned.read_bytes(), fed).reshape(len(x), -1).astype(np.int64)
    apart = np.abs(np.rint(trained / scale) + zero_point - steps).max(axis=1)
    assert np.mean(apart <= 1) >= 0.999


def test_the_weights_moved_and_the_learning_rate_fell_to_a_tenth(tuned: Path, float_run: Path) -> None:
    history = (tuned.with_suffix(".qat") / "history.csv").read_text().splitlines()
    assert len(history) == 1 + EPOCHS
    rate = float(history[-1].split(",")[history[0].split(",").index("learning_rate")])
    assert rate == pytest.approx(5e-6, rel=0.01)
    recipe = load_checkpoint(tuned.with_suffix(".qat")).recipe
    assert recipe["augment"] == load_checkpoint(float_run).recipe["augment"]
    assert recipe["frontend"]["normalise"] == "spec"
    assert recipe["distillation"]["logits"] == "hinton"  # the float run had no teacher: it is its twin's


def test_pruned_channels_are_in_neither_file_and_the_rest_is_trained_on(
    float_run: Path,
    model: Path,
    tones: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "small.tflite"
    arguments = ["quantize", str(model), "--calib", str(tones), "--prune", "30 %", "-o", str(out)]
    assert main(arguments) == 2
    assert "--qat" in capsys.readouterr().err
    assert main([*arguments, "--qat", str(float_run), "--epochs", "1", "--device", "cpu"]) == 0
    whole = [node.op for node in lower(load_graph(model)).nodes]
    for path in (out, out.with_suffix(".qdq.onnx")):
        graph = lower(load_graph(path))
        assert [node.op for node in graph.nodes] == whole
        widths = {graph.tensor(node.outputs[0]).dims[-1] for node in graph.nodes if "conv2d" in node.op}
        assert widths == {8}  # 8 of 8 (rounded up to fours) and of 12


def test_a_training_that_was_interrupted_goes_on_to_the_same_file(
    tuned: Path, float_run: Path, model: Path, tones: Path, audio_cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again.tflite"

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "training" and done > total * 2 // 3:
            raise KeyboardInterrupt

    choice = options(float_run, tones, tmp_path / "qat")
    with pytest.raises(KeyboardInterrupt):
        quantize(model, tones, out, qat=choice, cache=audio_cache, progress=interrupt)
    assert (tmp_path / "qat" / "last.ckpt").is_file() and not out.exists()
    quantize(model, tones, out, qat=choice, cache=audio_cache)
    assert out.read_bytes() == tuned.read_bytes()


def test_the_command_trains_on_and_names_its_run(
    float_run: Path,
    model: Path,
    tones: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "small.tflite"
    arguments = ["quantize", str(model), "--calib", str(tones), "--qat", str(float_run), "--epochs", "1"]
    assert main([*arguments, "--device", "cpu", "-o", str(out), "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["method"] == "ptq+qat" and result["qat_run"] == str(tmp_path / "small.qat")
    assert result["difference_on_calibration"]["label_agreement"] > 0.8


def test_run_of_another_front_end_is_refused(
    model: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    overrides = [*SMALL, "schedule.epochs=1", "frontend.fields.mel_bins=16"]
    train(tiny_recipe, tones, other, overrides=overrides, device="cpu", cache=audio_cache)
    with pytest.raises(DigestMismatchError, match="another front-end"):
        quantize(model, tones, tmp_path / "o.tflite", qat=options(other, tones, tmp_path / "qat"), cache=audio_cache)
    assert not (tmp_path / "qat").exists() and not (tmp_path / "o.tflite").exists()


def test_a_distilled_run_needs_its_teacher_and_keeps_it(
    float_run: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, tmp_path: Path
) -> None:
    from edgekit.api.distill import distill

    student = tmp_path / "student"
    overrides = [*SMALL, "schedule.epochs=1"]
    distill(tiny_recipe, [float_run], tones, student, overrides=overrides, device="cpu", cache=audio_cache)
    made = export(student, tmp_path / "export").model
    choice = options(student, tones, tmp_path / "qat", epochs=1)
    with pytest.raises(BadConfigError, match="its teacher stays on"):
        quantize(made, tones, tmp_path / "o.tflite", qat=choice, cache=audio_cache)
    choice = options(student, tones, tmp_path / "qat", epochs=1, teachers=[float_run])
    quantize(made, tones, tmp_path / "o.tflite", qat=choice, cache=audio_cache)
    assert load_checkpoint(tmp_path / "qat").recipe["distillation"]["logits"] == "hinton"
    assert "teachers" in json.loads((tmp_path / "qat" / "run.json").read_text())
