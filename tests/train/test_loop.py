"""Whole runs: they learn, they repeat, they survive a kill, they stop at NaN."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from breaking_model import breaks_after

from edgekit.api.train import train
from edgekit.core.errors import BadConfigError, BadFileError, DataError, EdgekitError
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.features.reference import features as reference
from edgekit.models import registry
from edgekit.train.checkpoint import load_checkpoint
from edgekit.train.loop import normalised
from edgekit.train.optimiser import learning_rate_factor
from edgekit.train.recipe import Schedule
from edgekit.train.recipe_file import load_recipe


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(folder).weights)


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_run_learns_and_leaves_its_files(tiny_run: Path) -> None:
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    assert metrics["validation"]["accuracy"] >= 0.9
    rows = list(csv.DictReader((tiny_run / "history.csv").open()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 31))
    assert float(rows[-1]["train_loss"]) < 0.7 * float(rows[0]["train_loss"])
    best = max(rows, key=lambda row: (float(row["valid_macro_accuracy"]), -float(row["valid_loss"])))
    assert int(best["epoch"]) == metrics["epoch"]
    checkpoint = load_checkpoint(tiny_run)
    assert checkpoint.labels == ("beeps", "hiss", "tone")
    assert checkpoint.metrics["epoch"] == metrics["epoch"]
    assert json.loads((tiny_run / "frontend.json").read_text()) == checkpoint.frontend.to_json()


def test_same_seed_same_weights_other_seed_other_weights(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    for name, seed in {"a": 1, "b": 1, "c": 2}.items():
        settings = [f"seed={seed}", "schedule.epochs=2", "schedule.keep=last"]
        train(tiny_recipe, tones, tmp_path / name, overrides=settings, device="cpu", cache=audio_cache)
    assert _same(_weights(tmp_path / "a"), _weights(tmp_path / "b"))
    assert not _same(_weights(tmp_path / "a"), _weights(tmp_path / "c"))


@pytest.mark.slow
def test_a_run_killed_by_sigkill_and_resumed_ends_with_the_same_weights(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    settings = ["schedule.epochs=16", "schedule.keep=last"]

    def start(folder: Path) -> subprocess.Popen[bytes]:
        options = [part for setting in settings for part in ("--set", setting)]
        command = ["train", str(tiny_recipe), "--data", str(tones), "--device", "cpu", *options, "-o", str(folder)]
        environment = {**os.environ, "EDGEKIT_CACHE": str(audio_cache), "CI": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-m", "edgekit", *command], env=environment)

    assert start(tmp_path / "whole").wait(120) == 0
    killed = tmp_path / "killed"
    for epochs in (3, 9):  # two kills: during the first part and after a resume
        process = start(killed)
        _wait_for_epoch(killed, epochs, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert not (killed / "metrics.json").exists()
    assert start(killed).wait(120) == 0
    assert _same(_weights(tmp_path / "whole"), _weights(killed))
    histories = [list(csv.DictReader((tmp_path / n / "history.csv").open())) for n in ("whole", "killed")]
    for row in (*histories[0], *histories[1]):
        row.pop("seconds")
    assert histories[0] == histories[1]


@pytest.mark.slow
def test_two_processes_train_one_run(tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    command = ["train", str(tiny_recipe), "--data", str(tones), "--device", "cpu", "--devices", "2"]
    environment = {**os.environ, "EDGEKIT_CACHE": str(audio_cache), "CI": "1", "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-m", "edgekit", *command, "-o", str(tmp_path / "r")],
        env=environment,
        timeout=240,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("kept epoch") == 1  # one process reports
    rows = list(csv.DictReader((tmp_path / "r" / "history.csv").open()))
    assert len(rows) == 6 and (tmp_path / "r" / "metrics.json").exists()
    # 45 clips, batches of 8 in each of 2 processes: 2 steps an epoch, half the 5 of one process
    state = torch.load(tmp_path / "r" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 12


def _wait_for_epoch(folder: Path, epoch: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(6000):
        lines = (folder / "history.csv").read_text().count("\n") if (folder / "history.csv").exists() else 0
        if lines > epoch:
            return
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError("no epoch ended in a minute")


def test_a_finished_run_is_left_as_it_is(tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    def once(**more: object) -> None:
        settings = ["schedule.epochs=2"]
        train(tiny_recipe, tones, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache, **more)

    once()
    before = (tmp_path / "r" / "checkpoint.safetensors").stat().st_mtime_ns
    once()
    assert (tmp_path / "r" / "checkpoint.safetensors").stat().st_mtime_ns == before
    (tmp_path / "r" / "notes.txt").write_text("dear")
    once(overwrite=True)
    assert (tmp_path / "r" / "checkpoint.safetensors").stat().st_mtime_ns != before
    assert (tmp_path / "r" / "notes.txt").read_text() == "dear"


def test_another_run_in_the_folder_is_refused(
    tiny_run: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    with pytest.raises(BadConfigError, match="another recipe"):
        train(tiny_recipe, tones, tiny_run, overrides=["seed=9"], device="cpu", cache=audio_cache)
    overrides = ["schedule.epochs=30", "augment.mixup_probability=0"]
    with pytest.raises(BadConfigError, match="another train"):
        train(tiny_recipe, tones, tiny_run, train_select="speaker=s0", overrides=overrides, cache=audio_cache)


def test_a_folder_of_other_files_is_refused(tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    (tmp_path / "thesis.tex").write_text("dear")
    (tmp_path / "metrics.json").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(BadConfigError, match="not empty"):
            train(tiny_recipe, tones, tmp_path, cache=audio_cache, overwrite=overwrite)
    assert (tmp_path / "metrics.json").read_text() == "mine"


def test_damaged_loop_state_says_so(tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    settings = ["schedule.epochs=1"]
    train(tiny_recipe, tones, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache)
    (tmp_path / "r" / "last.ckpt").write_bytes(b"PK\x03\x04 not any more")
    with pytest.raises(BadFileError, match=r"last\.ckpt: cannot resume"):
        train(tiny_recipe, tones, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache)


def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good for three epochs of five steps, then not a number."""
    monkeypatch.setitem(registry._BUILDERS, "breaks", breaks_after(15))
    settings = ["model.name=breaks", "model.arguments={}", "schedule.ema_decay=0", "schedule.keep=last"]
    with pytest.raises(EdgekitError, match=r"loss became nan in epoch 4, step 1.*lower optimiser\.learning_rate"):
        train(tiny_recipe, tones, tmp_path / "r", overrides=settings, device="cpu", cache=audio_cache)
    checkpoint = load_checkpoint(tmp_path / "r")
    assert checkpoint.metrics["epoch"] == 3
    assert all(bool(torch.isfinite(value).all()) for value in checkpoint.weights.values())


def test_selections_must_not_overlap_and_must_exist(tmp_path: Path, tones: Path, tiny_recipe: Path) -> None:
    with pytest.raises(DataError, match="selected for training and for validation"):
        train(tiny_recipe, tones, tmp_path, train_select="all", valid_select="speaker=s1")
    manifest = read_manifest(tones).where(lambda clip: clip.split == "test")
    with pytest.raises(DataError, match="--train"):
        train(tiny_recipe, manifest, tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.arguments.head_kernel=[1, 40]", "does not take 20×24"),
        ("model.arguments.stem_kernel=[90, 3]", "pads"),
    ],
)
def test_a_model_that_does_not_fit_its_input_is_refused(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, setting: str, message: str
) -> None:
    with pytest.raises(BadConfigError, match=message):
        train(tiny_recipe, tones, tmp_path / "r", overrides=[setting], device="cpu", cache=audio_cache)


def test_normalisation_is_the_mean_and_deviation_of_the_reference_features(
    tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    recipe = load_recipe(tiny_recipe)
    cache = AudioCache(read_manifest(tones), 8000, audio_cache)
    plain = recipe.frontend.spec()
    values = np.stack([reference(plain, cache.clip(i)) for i in range(len(cache))])
    spec = normalised(recipe, cache)
    assert spec.mean == pytest.approx(values.mean(), abs=1e-3)
    assert spec.std == pytest.approx(values.std(), abs=1e-3)
    assert spec.digest != plain.digest


def test_learning_rate_rises_and_follows_a_cosine() -> None:
    factors = [learning_rate_factor(step, Schedule(epochs=11, warmup_epochs=1), 10) for step in range(111)]
    assert factors[0] == pytest.approx(1 / 11) and factors[10] == 1.0
    assert factors[60] == pytest.approx(0.5) and factors[110] == pytest.approx(0.0)
    assert all(a < b for a, b in itertools.pairwise(factors[:11]))
