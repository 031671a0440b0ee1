"""Joined runs: the answer is the mean of the members' logits, in torch, as a file and after quantization."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekit.api.evaluate import evaluate
from edgekit.api.export import export
from edgekit.api.join import join
from edgekit.api.quantize import quantize
from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, BadFileError, DataError, DigestMismatchError, EdgekitError
from edgekit.data.windows import Windows
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def two_runs(
    tmp_path_factory: pytest.TempPathFactory, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> list[Path]:
    """Two runs of other widths and seeds on the same clips."""
    narrow = tmp_path_factory.mktemp("join") / "narrow"
    settings = ["schedule.epochs=12", "model.arguments.channels=[6, 8, 8]", "seed=3"]
    train(tiny_recipe, tones, narrow, overrides=settings, device="cpu", cache=audio_cache)
    return [tiny_run, narrow]


def _logits(checkpoint: Checkpoint, pcm: np.ndarray) -> np.ndarray:
    features = TorchFrontend(checkpoint.frontend)(torch.from_numpy(pcm))
    answer: np.ndarray = checkpoint.build()(features).numpy()
    return answer


def test_the_answer_is_the_mean_of_the_logits(two_runs: list[Path], tmp_path: Path) -> None:
    result = join(two_runs, tmp_path / "joined")
    joined, first, second = (load_checkpoint(folder) for folder in (tmp_path / "joined", *two_runs))
    pcm = np.random.default_rng(1).integers(-9000, 9000, (5, first.frontend.clip_samples), dtype=np.int16)
    expected = (_logits(first, pcm) + _logits(second, pcm)) / 2
    np.testing.assert_allclose(_logits(joined, pcm), expected, atol=1e-5)
    assert result.members == tuple(map(str, two_runs))
    single = [sum(p.numel() for p in load_checkpoint(run).build().parameters()) for run in two_runs]
    assert result.parameters == sum(single)


def test_arguments_that_change_no_weight_can_be_set(two_runs: list[Path], tmp_path: Path) -> None:
    dense = load_checkpoint(join(two_runs, tmp_path / "dense", overrides=["dense_time=width"]).folder)
    plain = load_checkpoint(join(two_runs, tmp_path / "plain").folder)
    assert all(table["arguments"]["dense_time"] == "width" for table in dense.arguments["members"])
    assert all(torch.equal(dense.weights[name], plain.weights[name]) for name in plain.weights)
    for wrong in ("channels=[4, 4, 4]", "colour=red"):
        with pytest.raises(EdgekitError):
            join(two_runs, tmp_path / "wrong", overrides=[wrong])
    assert not (tmp_path / "wrong").exists()


def test_a_joined_run_becomes_one_integer_model(
    two_runs: list[Path], tones: Path, audio_cache: Path, tmp_path: Path
) -> None:
    folder = join(two_runs, tmp_path / "joined").folder
    exported = export(folder, tmp_path / "export")
    made = quantize(exported.model, tones, tmp_path / "m.int8.tflite", select="split=train", cache=audio_cache)
    as_float = evaluate(folder, tones, cache=audio_cache)
    as_int8 = evaluate(made.tflite, tones, cache=audio_cache)
    assert np.abs(as_int8.probabilities - as_float.probabilities).max() < 0.1
    assert as_float.scores.accuracy >= 0.9  # the first run alone answers all but a few clips


def test_runs_that_cannot_be_joined(two_runs: list[Path], tmp_path: Path) -> None:
    known = load_checkpoint(two_runs[0])
    joined = join(two_runs, tmp_path / "joined").folder
    cases: dict[str, tuple[Checkpoint, type[EdgekitError], str]] = {
        "labels": (dataclasses.replace(known, labels=("tone", "hiss", "beeps")), DataError, "other labels"),
        "frontend": (
            dataclasses.replace(known, frontend=known.frontend.replace(f_min=50.0)),
            DigestMismatchError,
            "another front-end",
        ),
        "windows": (dataclasses.replace(known, windows=Windows(hop_ms=100)), DataError, "long clips otherwise"),
    }
    for name, (checkpoint, kind, message) in cases.items():
        save_checkpoint(checkpoint, tmp_path / name / "checkpoint.safetensors")
        with pytest.raises(kind, match=message):
            join([two_runs[0], tmp_path / name], tmp_path / "out")
    with pytest.raises(BadFileError, match="joined already"):
        join([joined, two_runs[0]], tmp_path / "out")
    with pytest.raises(BadConfigError, match="cannot be joined"):
        join(two_runs[:1], tmp_path / "out")
    with pytest.raises(BadConfigError, match="not empty"):
        join(two_runs, joined)
    assert not (tmp_path / "out").exists()


def test_join_on_the_command_line(two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["join", *map(str, two_runs), "-o", str(tmp_path / "joined")]
    assert main(command) == 0
    assert "joined       2 runs" in capsys.readouterr().out
    assert main(command) == 2
    assert "is not empty" in capsys.readouterr().err
