"""``edgekit quantize`` from end to end: files, JSON, one-line errors, nothing half written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.cli.main import main
from edgekit.features.spec import FrontendSpec
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import rounding_of

LABELS = ("no", "yes", "maybe")
SPEC = FrontendSpec(
    kind="logmel", sample_rate=8000, clip_samples=4000, window_length=200, n_fft=256, hop_length=200,
    mel_bins=12, f_max=4000.0, log_floor=1e-5, mean=-5.0, std=3.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small exported model with the metadata of a run."""
    torch = pytest.importorskip("torch")
    from edgekit.train.onnx_export import export_module

    torch.manual_seed(0)
    nn = torch.nn
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, len(LABELS)),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    metadata = {
        "edgekit.frontend": SPEC.canonical(),
        "edgekit.frontend_digest": SPEC.digest,
        "edgekit.labels": json.dumps(LABELS),
    }
    export_module(network, SPEC.feature_shape, path, metadata)
    return path


@pytest.fixture
def features(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).normal(0, 1, (40, *SPEC.feature_shape)).astype(np.float32)
    np.savez(tmp_path / "clips.npz", features=values, frontend_digest=SPEC.digest)
    return tmp_path / "clips.npz"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    for label in LABELS:
        (tmp_path / "set" / label).mkdir(parents=True)
        for index in range(4):
            soundfile.write(tmp_path / "set" / label / f"{index}.wav", rng.normal(0, 0.1, 4000), 8000)
    return tmp_path / "set"


def test_features_give_both_files_with_metadata(
    model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "small.tflite"
    assert main(["quantize", str(model), "--calib", str(features), "-o", str(out), "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["schema_version"] == 1
    assert result["calibration"] == {"clips": 40, "observer": "auto"}
    assert result["difference_on_calibration"]["label_agreement"] >= 0.9
    assert sorted(path.name for path in out.parent.iterdir()) == ["small.qdq.onnx", "small.tflite"]
    graph = lower(load_graph(out))
    assert json.loads(graph.metadata["edgekit.labels"]) == list(LABELS)
    assert graph.metadata["edgekit.frontend_digest"] == SPEC.digest
    assert all(tensor.dtype != "float32" for tensor in graph.tensors.values())


def test_recordings_are_calibrated_with_the_models_front_end(
    model: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    arguments = ["quantize", str(model), "--calib", str(recordings), "--select", "label=no,yes", "--clips", "6"]
    assert main([*arguments, "-o", str(tmp_path / "small.tflite")]) == 0
    assert "6 clips, auto" in capsys.readouterr().out


def failure(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a call that must end with exit code 2 and without files."""
    before = set(out.parent.iterdir())
    assert main(["quantize", *arguments, "-o", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert set(out.parent.iterdir()) == before
    return captured.err


def test_features_of_another_front_end_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(0).normal(0, 1, (4, *SPEC.feature_shape)).astype(np.float32)
    np.savez(tmp_path / "other.npz", features=values, frontend_digest="sha256:" + "0" * 64)
    line = failure([str(model), "--calib", str(tmp_path / "other.npz")], tmp_path / "o.tflite", capsys)
    assert "front-end sha256:000" in line


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((0, *SPEC.feature_shape), np.float32), "no calibration clips"),
        (np.zeros((5, *SPEC.feature_shape), np.float32), "silence"),
        (np.full((5, *SPEC.feature_shape), np.nan, np.float32), "NaN"),
        (np.ones((5, 3, 4), np.float32), "the model needs"),
        (np.ones((5, *SPEC.feature_shape), np.int32), "store float32"),
    ],
)
def test_useless_features_are_refused(
    values: np.ndarray, message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "clips.npz", features=values)
    assert message in failure([str(model), "--calib", str(tmp_path / "clips.npz")], tmp_path / "o.tflite", capsys)


def test_text_named_npz_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clips.npz").write_text("hello")
    line = failure([str(model), "--calib", str(tmp_path / "clips.npz")], tmp_path / "o.tflite", capsys)
    assert "not a readable .npz" in line


def test_pickled_features_are_not_loaded(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "clips.npz", features=np.array([{"a": 1}], dtype=object))
    line = failure([str(model), "--calib", str(tmp_path / "clips.npz")], tmp_path / "o.tflite", capsys)
    assert "not a readable .npz" in line


def test_text_named_onnx_is_refused(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_text("hello")
    assert "model.onnx" in failure(
        [str(tmp_path / "model.onnx"), "--calib", str(features)], tmp_path / "o.tflite", capsys
    )


def test_wrong_suffix_of_the_output_is_refused(
    model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "end it in .tflite" in failure([str(model), "--calib", str(features)], tmp_path / "o.onnx", capsys)


def test_quantized_model_is_refused(
    model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first.tflite"
    assert main(["quantize", str(model), "--calib", str(features), "-o", str(first)]) == 0
    capsys.readouterr()
    assert "quantized already" in failure([str(first), "--calib", str(features)], tmp_path / "o.tflite", capsys)


def test_other_front_end_option_is_refused(
    model: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(model), "--calib", str(recordings), "--frontend", "kws-mfcc-49x10"]
    assert "made for front-end" in failure(arguments, tmp_path / "o.tflite", capsys)


def test_rounding_once_goes_into_both_files_and_is_told(
    model: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "once.tflite"
    arguments = ["quantize", str(model), "--calib", str(features), "-o", str(out), "--rounding", "once"]
    assert main(arguments) == 0
    assert "TFLITE_SINGLE_ROUNDING" in capsys.readouterr().out
    for path in (out, out.with_suffix(".qdq.onnx")):
        assert rounding_of(lower(load_graph(path))) == "once"
    again = tmp_path / "again.tflite"
    qdq = ["quantize", str(out.with_suffix(".qdq.onnx")), "--calib", str(features), "-o", str(again)]
    assert main([*qdq, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rounding"] == "once"  # as the file says
    assert main([*qdq, "--rounding", "twice", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rounding"] == "twice"
    assert rounding_of(lower(load_graph(again))) == "twice"


def test_another_rounding_is_refused(model: Path, features: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.tflite"
    assert main(["quantize", str(model), "--calib", str(features), "-o", str(out), "--rounding", "up"]) == 2
    assert not out.exists()


def test_another_packages_quantizer_rounds_as_is_asked(model: Path, features: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "ort.tflite"
    asked = ["quantize", str(model), "--calib", str(features), "--method", "ort", "--rounding", "once", "-o", str(out)]
    assert main(asked) == 0
    assert rounding_of(lower(load_graph(out))) == "once"
