"""What a run notes of its making, and what trackers are told."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from edgekit.api.train import train
from edgekit.core.errors import BadConfigError, MissingDependencyError

RECIPE = """
[frontend]
preset = "kws-logmel-40"
fields = {sample_rate = 8000, clip_samples = 4000, window_length = 256, n_fft = 256, padding = "none", f_max = 4000}
[model.arguments]
channels = [8, 8]
[schedule]
epochs = 2
batch_size = 8
"""


@pytest.fixture
def noises(tmp_path: Path) -> Path:
    """CSV manifest of sixteen noises, half of them for validation."""
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    lines = ["path,label,split"]
    for number in range(16):
        soundfile.write(tmp_path / f"{number}.wav", draw.normal(0, 0.1, 4000), 8000)
        lines.append(f"{number}.wav,{'ab'[number % 2]},{'train' if number < 8 else 'validation'}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "small.toml").write_text(RECIPE)
    return tmp_path / "manifest.csv"


def _run(noises: Path, name: str, **options: object) -> Path:
    folder = noises.parent
    train(folder / "small.toml", noises, folder / name, device="cpu", cache=folder / "cache", **options)
    return folder / name


def _history(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "history.csv").read_text().splitlines()))


def test_a_run_notes_versions_and_the_contents_of_its_clips_once(noises: Path) -> None:
    run = _run(noises, "run")
    noted = json.loads((run / "provenance.json").read_text())
    built_for = torch.__version__.partition("+")[0]  # a package for CUDA does not say so in its metadata
    assert noted["packages"]["torch"].startswith(built_for) and noted["packages"]["numpy"] == np.__version__
    assert noted["data"]["train"]["clips"] == 8 and noted["data"]["valid"]["clips"] == 8
    before = (run / "provenance.json").read_bytes()
    _run(noises, "run")
    assert (run / "provenance.json").read_bytes() == before
    soundfile.write(noises.parent / "0.wav", np.random.default_rng(1).normal(0, 0.1, 4000), 8000)
    changed = json.loads((_run(noises, "other") / "provenance.json").read_text())["data"]
    assert changed["train"]["digest"] != noted["data"]["train"]["digest"]
    assert changed["valid"] == noted["data"]["valid"]


def test_a_tracker_that_is_unknown_or_missing_is_refused_before_any_work(noises: Path) -> None:
    with pytest.raises(BadConfigError, match="unknown tracker 'wandb'"):
        _run(noises, "run", tracker="wandb")
    if importlib.util.find_spec("mlflow") is None:
        with pytest.raises(MissingDependencyError, match=r"mlflow is not installed.*edgekit\[track\]"):
            _run(noises, "run", tracker="mlflow")
    assert not (noises.parent / "run").exists() and not (noises.parent / "cache").exists()


def test_tensorboard_is_told_what_the_history_holds(noises: Path) -> None:
    pytest.importorskip("tensorboard", reason="install it: pip install 'edgekit[track]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = _run(noises, "run", tracker="tensorboard")
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    for name in ("train_loss", "valid_accuracy"):
        told = {scalar.step: scalar.value for scalar in events.Scalars(name)}
        assert told == pytest.approx({int(row["epoch"]): float(row[name]) for row in _history(run)})


def test_mlflow_is_told_what_the_history_holds(noises: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="install it: pip install 'edgekit[track]'")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = _run(noises, "run", tracker="mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{run / 'mlflow.db'}")
    identity = json.loads((run / "mlflow.json").read_text())["run_id"]
    told = {metric.step: metric.value for metric in client.get_metric_history(identity, "train_loss")}
    assert told == pytest.approx({int(row["epoch"]): float(row["train_loss"]) for row in _history(run)})
    assert client.get_run(identity).data.params["schedule.epochs"] == "2"
