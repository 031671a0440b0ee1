"""``edgekit train | eval | export``: output, exit codes, one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny_recipe import RECIPE

from edgekit.cli.main import main

CUDA = torch.cuda.is_available()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with recipe.toml and a data set of two classes, eight clips each."""
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    draw = np.random.default_rng(0)
    for label, level in {"loud": 0.3, "soft": 0.01}.items():
        (tmp_path / "data" / label).mkdir(parents=True)
        for take in range(8):
            soundfile.write(tmp_path / "data" / label / f"{take}.wav", draw.normal(0, level, 2000), 8000)
    (tmp_path / "data" / "loud" / "broken.wav").write_bytes(b"RIFF")
    return tmp_path


def _train(world: Path, *more: str) -> list[str]:
    data = ["--data", str(world / "data"), "--train", "all", "--device", "cpu"]
    return ["train", str(world / "recipe.toml"), *data, *more, "-o", str(world / "run")]


def test_train_eval_export(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_train(world, "--format", "json")) == 0
    streams = capsys.readouterr()
    result = json.loads(streams.out)
    assert (result["schema_version"], result["train_clips"], result["epoch"]) == (1, 16, 1)
    assert result["rejected"][0]["path"].endswith("broken.wav")
    assert "left out" in streams.err and "Lightning" not in streams.err and "GPU" not in streams.err

    assert main(["eval", str(world / "run"), "--data", str(world / "data"), "--format", "json"]) == 0
    table = json.loads(capsys.readouterr().out)
    result = table["results"][0]
    assert table["schema_version"] == 1 and result["labels"] == ["loud", "soft"] and result["clips"] == 16

    assert main(["eval", str(world / "run"), "--data", str(world / "data")]) == 0
    text = capsys.readouterr().out
    assert "accuracy" in text and "true \\ predicted" in text

    assert main(["export", str(world / "run"), "-o", str(world / "out")]) == 0
    lines = capsys.readouterr().out.split()
    assert [Path(line).name for line in lines] == ["model.onnx", "frontend.json", "labels.txt"]
    assert (world / "out" / "labels.txt").read_text() == "loud\nsoft\n"
    assert sorted(path.name for path in (world / "out").iterdir()) == ["frontend.json", "labels.txt", "model.onnx"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "schedule.epoch=2"], "did you mean 'epochs'"),
        (["--valid", "speaker=x"], "selects no clip"),
        (["--device", "tpu"], "unknown device"),
        pytest.param(["--device", "cuda"], "no CUDA device", marks=pytest.mark.skipif(CUDA, reason="has a GPU")),
        (["--set", "model.name=ds-cnnn"], "did you mean 'ds-cnn'"),
    ],
)
def test_bad_options_are_one_line_and_exit_2(
    world: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(_train(world, *arguments)) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
    assert not (world / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("command", [["eval", "--data", "."], ["export", "-o", "out"]])
def test_no_run_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert (
        main([command[0], str(tmp_path), *[part if part != "out" else str(tmp_path / "o") for part in command[1:]]])
        == 2
    )
    error = capsys.readouterr().err
    assert "no checkpoint here" in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()
