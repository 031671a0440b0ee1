"""What goes wrong in training, through the command line: one line, exit code 2, the last good checkpoint kept."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import torch
from breaking_model import breaks_after
from full_disk import largest_file

from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.models import registry
from edgekit.train.checkpoint import load_checkpoint


@pytest.fixture(autouse=True)
def cached(audio_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(audio_cache))


def _train(recipe: Path, tones: Path, out: Path, *settings: str) -> list[str]:
    options = [part for setting in settings for part in ("--set", setting)]
    return ["train", str(recipe), "--data", str(tones), "--device", "cpu", *options, "-o", str(out)]


def _fails(command: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    error = capsys.readouterr().err
    assert message in error, error
    assert len(error.strip().splitlines()) == 1 and "internal error" not in error and "Traceback" not in error


def test_a_full_disk_keeps_the_last_good_checkpoint_and_the_run_goes_on_later(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["schedule.epochs=4", "schedule.keep=last"]

    def stop(what: str, done: int, total: int) -> None:
        if what == "training" and done == 11:  # in the third epoch of five steps
            raise KeyboardInterrupt

    common = {"overrides": settings, "device": "cpu", "cache": audio_cache}
    train(tiny_recipe, tones, tmp_path / "whole", **common)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(tiny_recipe, tones, run, progress=stop, **common)
    kept = {name: (run / name).read_bytes() for name in ("checkpoint.safetensors", "last.ckpt", "history.csv")}
    command = _train(tiny_recipe, tones, run, *settings)
    for size, name in ((2000, "checkpoint.safetensors"), (len(kept["checkpoint.safetensors"]) + 500, "last.ckpt")):
        with largest_file(size):
            _fails(command, f"{name}: no room left to write it (make room", capsys)
        assert not [path for path in run.iterdir() if path.name.startswith(".")]
        if name == "checkpoint.safetensors":
            assert {key: (run / key).read_bytes() for key in kept} == kept
        assert (run / "last.ckpt").read_bytes() == kept["last.ckpt"]
        assert load_checkpoint(run).metrics["epoch"] in (2, 3)
    assert main(command) == 0
    whole, resumed = load_checkpoint(tmp_path / "whole").weights, load_checkpoint(run).weights
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_full_disk_while_storing_logits(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["distill", str(tiny_recipe), "--data", str(tones), "--teacher", str(tiny_run), "--device", "cpu"]
    command = [*base, "--store", str(tmp_path / "logits")]
    with largest_file(600):
        _fails(command, "no room left to write it", capsys)
    assert main(command) == 0


def test_a_loss_that_is_no_number(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(registry._BUILDERS, "breaks", breaks_after(10))
    settings = ["model.name=breaks", "model.arguments={}", "schedule.ema_decay=0", "schedule.keep=last"]
    message = "the training loss became nan in epoch 3, step 1"
    _fails(_train(tiny_recipe, tones, tmp_path / "r", *settings), message, capsys)
    assert load_checkpoint(tmp_path / "r").metrics["epoch"] == 2
    assert len(list(csv.DictReader((tmp_path / "r" / "history.csv").open()))) == 2


@pytest.fixture
def fourth_label(tmp_path: Path, tones: Path) -> Path:
    """The clips of ``tones`` with one test and one training clip under a label that ``tiny_run`` does not know."""
    folder = tmp_path / "four"
    shutil.copytree(tones.parent, folder)
    rows = list(csv.reader((folder / "manifest.csv").open()))
    for split in ("train", "test"):
        next(row for row in rows if row[3] == split)[1] = "siren"
    with (folder / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder / "manifest.csv"


def test_a_label_that_the_model_does_not_know(
    tmp_path: Path,
    fourth_label: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _fails(["eval", str(tiny_run), "--data", str(fourth_label)], "does not know the label 'siren'", capsys)
    soup = [
        "soup",
        str(tiny_run),
        str(tiny_run / "checkpoint.safetensors"),
        "--device",
        "cpu",
        "-o",
        str(tmp_path / "s"),
    ]
    _fails([*soup, "--data", str(fourth_label), "--valid", "split=test"], "does not know the label 'siren'", capsys)
    distill = ["distill", str(tiny_recipe), "--teacher", str(tiny_run), "--data", str(fourth_label), "--device", "cpu"]
    _fails([*distill, "-o", str(tmp_path / "d")], "a teacher of other labels: 'siren' is the student's only", capsys)
    assert not (tmp_path / "d").exists() and not (tmp_path / "s").exists()
    # the run itself is not touched by more of its own data under other labels
    before = (tiny_run / "checkpoint.safetensors").read_bytes()
    settings = ["schedule.epochs=30", "augment.mixup_probability=0"]
    _fails(_train(tiny_recipe, fourth_label, tiny_run, *settings), "holds a run with another train and labels", capsys)
    assert (tiny_run / "checkpoint.safetensors").read_bytes() == before


def test_a_teacher_that_was_trained_again(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    tiny_run: Path,
    audio_cache: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Logits of one teacher are not another's, and a half-finished student keeps its teacher."""
    train(tiny_recipe, tones, tmp_path / "other", overrides=["schedule.epochs=1"], device="cpu", cache=audio_cache)
    base = ["distill", str(tiny_recipe), "--data", str(tones), "--device", "cpu", "--set", "schedule.epochs=1"]
    store = ["--store", str(tmp_path / "logits")]
    assert main([*base, "--teacher", str(tiny_run), *store]) == 0
    _fails([*base, "--teacher", str(tmp_path / "other"), *store], "holds logits", capsys)
    assert main([*base, "--teacher", str(tiny_run), "-o", str(tmp_path / "student")]) == 0
    again = [*base, "--teacher", str(tmp_path / "other"), "-o", str(tmp_path / "student")]
    _fails(again, "holds a run with another teachers", capsys)
