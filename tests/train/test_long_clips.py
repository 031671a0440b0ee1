"""Clips longer than the model's window: random windows in training, the mean of windows in evaluation."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from edgekit.api.evaluate import evaluate
from edgekit.api.export import export
from edgekit.api.logits import store_logits
from edgekit.api.quantize import quantize
from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
from edgekit.data.windows import WINDOWS_KEY, Windows
from edgekit.features.reference import features
from edgekit.features.spec_file import load_spec
from edgekit.graph.readers.load import load_graph
from edgekit.train.checkpoint import load_checkpoint, save_checkpoint
from edgekit.train.dataset import ClipBatches
from edgekit.train.distillation.stored import read_stored
from edgekit.train.recipe import Augment, Recipe, Schedule

LABELS = ("beeps", "hiss", "tone")
SAMPLES, HOP = 1600, 800
STARTS = (0, 800, 1600, 2000)  # of windows of 1,600 in clips of 3,600, the last one ending with the clip


@pytest.fixture(scope="module")
def windowed_run(tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, audio_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("windowed") / "run"
    overrides = [f"frontend.fields.clip_samples={SAMPLES}", "schedule.epochs=4", "augment.mixup_probability=0"]
    overrides += ["windows.hop_ms=100", "windows.per_clip=3", "augment.time_masks=0"]
    train(tiny_recipe, tones, folder, overrides=overrides, device="cpu", cache=audio_cache)
    return folder


def _batches(tones: Path, audio_cache: Path, per_clip: int) -> ClipBatches:
    recipe = Recipe(
        name="t", schedule=Schedule(batch_size=12), augment=Augment(), windows=Windows(hop_ms=100, per_clip=per_clip)
    )
    return ClipBatches(AudioCache(read_manifest(tones), 8000, audio_cache), LABELS, SAMPLES, recipe)


def test_an_epoch_takes_every_clip_as_often_as_asked(tones: Path, audio_cache: Path) -> None:
    batches = _batches(tones, audio_cache, 3)
    assert batches.steps == 18
    seen = np.concatenate([batches.indices(1, step) for step in range(18)])
    assert np.bincount(seen).tolist() == [3] * 72


def test_training_windows_lie_anywhere_in_the_clip(tones: Path, audio_cache: Path) -> None:
    batches = _batches(tones, audio_cache, 3)
    pcm = batches.pcm(np.full(200, 4), np.random.default_rng(0))
    clip = batches.cache.clip(4)
    found = {next(o for o in range(2001) if np.array_equal(clip[o : o + SAMPLES], row)) for row in pcm}
    assert found == {0, 400, 800, 1200, 1600, 2000}


def test_a_run_says_how_its_clips_are_heard(windowed_run: Path, tmp_path: Path) -> None:
    assert load_checkpoint(windowed_run).windows == Windows(hop_ms=100)
    export(windowed_run, tmp_path)
    assert json.loads(load_graph(tmp_path / "model.onnx").metadata[WINDOWS_KEY])["hop_ms"] == 100


def test_probabilities_are_the_mean_over_windows_in_every_arithmetic(
    windowed_run: Path, tones: Path, audio_cache: Path, tmp_path: Path
) -> None:
    export(windowed_run, tmp_path)
    spec = load_spec(tmp_path)
    cache = AudioCache(read_manifest(tones).select(split="test"), 8000, audio_cache)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    expected = np.zeros((len(cache), 3))
    for index in range(len(cache)):
        for start in STARTS:
            x = features(spec, cache.clip(index)[start : start + SAMPLES]).astype(np.float32)
            logits = session.run(None, {"features": x[None, None]})[0][0].astype(np.float64)
            expected[index] += np.exp(logits) / np.exp(logits).sum() / len(STARTS)
    run = evaluate(windowed_run, tones, cache=audio_cache)
    np.testing.assert_allclose(run.probabilities, expected, atol=1e-4)
    quantize(tmp_path / "model.onnx", tones, tmp_path / "model.tflite", cache=audio_cache)
    integer = evaluate(tmp_path / "model.tflite", tones, cache=audio_cache)
    assert integer.arithmetic == "int8"
    np.testing.assert_allclose(integer.probabilities, expected, atol=0.15)


def test_the_caller_may_choose_another_hop(
    windowed_run: Path, tones: Path, audio_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    starts = load_checkpoint(windowed_run)
    save_checkpoint(dataclasses.replace(starts, windows=Windows()), tmp_path / "start.safetensors")
    plain = evaluate(tmp_path / "start.safetensors", tones, cache=audio_cache)
    chosen = evaluate(windowed_run, tones, hop_ms=0, cache=audio_cache)
    np.testing.assert_array_equal(chosen.probabilities, plain.probabilities)
    monkeypatch.setenv("EDGEKIT_CACHE", str(audio_cache))
    table = tmp_path / "p.csv"
    assert main(["eval", str(windowed_run), "--data", str(tones), "--hop-ms", "0", "--predictions", str(table)]) == 0
    assert table.read_text() == chosen.predictions_csv()


def test_validation_scores_what_evaluation_scores(windowed_run: Path, tones: Path, audio_cache: Path) -> None:
    validation = load_checkpoint(windowed_run).metrics["validation"]
    again = evaluate(windowed_run, tones, select="split=validation", cache=audio_cache)
    assert again.scores.log_loss == pytest.approx(validation["log_loss"], rel=1e-4)
    assert again.scores.accuracy == validation["accuracy"]


def test_stored_views_lie_anywhere_in_the_clip_and_say_what_the_teacher_says_there(
    windowed_run: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, tmp_path: Path
) -> None:
    plain = [f"augment.{name}=0" for name in ("shift_ms", "speed", "gain_db")]
    overrides = [f"frontend.fields.clip_samples={SAMPLES}", "windows.per_clip=3", *plain]
    store_logits(
        tiny_recipe, [windowed_run], tones, tmp_path, views=6, overrides=overrides, device="cpu", cache=audio_cache
    )
    cache = AudioCache(read_manifest(tones).select(split="train"), 8000, audio_cache)
    stored = read_stored([tmp_path], cache, LABELS)
    offsets = stored.views[:, 1:, 0].astype(int)
    assert set(offsets.ravel().tolist()) == {0, 400, 800, 1200, 1600, 2000}
    teacher = load_checkpoint(windowed_run)
    for view in (1, 4):
        start = offsets[7, view - 1]
        x = features(teacher.frontend, cache.clip(7)[start : start + SAMPLES]).astype(np.float32)
        expected = teacher.build()(torch.from_numpy(x[None, None]))[0].numpy()
        np.testing.assert_allclose(stored.logits[7, view], expected, atol=1e-3)
