"""Sweeps: spaces are checked, budgets kept, fronts right, workers share, and a kill changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.api.sweep import SweepResult, sweep
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import load_checkpoint
from edgekit.train.recipe_file import load_recipe
from edgekit.train.sweep.results import TrialRow, pareto
from edgekit.train.sweep.space import load_space

QUICK = ["schedule.epochs=1", "augment.noise_probability=0"]
RATES = '"optimiser.learning_rate" = { low = 1e-4, high = 1e-1, log = true }\n'
WIDTHS = '"model.arguments.channels" = { values = [[8, 12, 12], [8, 8, 8], [64, 128, 128]] }\n'
LIMITS = 'source = "this test"\n[limits]\nmacs = "200 k"\n'


def _space(folder: Path, text: str) -> Path:
    path = folder / "space.toml"
    path.write_text(text)
    return path


def _values(result: SweepResult) -> list[tuple[str, dict, float | None]]:
    return [(row.state, row.values, row.gain) for row in result.trials]


def test_trials_over_the_budget_are_not_trained_and_the_front_is_of_the_others(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    (tmp_path / "small.toml").write_text(LIMITS)
    text = f'objectives = ["macro_accuracy", "macs", "parameters"]\nbudget = "{tmp_path / "small.toml"}"\ntrials = 8\n'
    space = _space(tmp_path, f"{text}[space]\n{WIDTHS}{RATES}")
    out = tmp_path / "sweep"
    result = sweep(tiny_recipe, tones, space, out, overrides=QUICK, device="cpu", cache=audio_cache)
    assert len(result.trials) == 8 and {row.state for row in result.trials} == {"trained", "pruned"}
    for row in result.trials:
        wide = row.values["model.arguments.channels"] == [64, 128, 128]
        assert (row.state == "pruned") == wide and (row.costs["macs"] > 200_000) == wide
        assert not wide or (row.why == "over small: macs" and not (out / row.run).exists())
    # counted by hand: batch norm is folded, so what is left are the convolutions and one bias a channel
    narrow = next(row for row in result.trials if row.values["model.arguments.channels"] == [8, 8, 8])
    model = build_model("ds-cnn", classes=3, channels=[8, 8, 8], stem_kernel=3)
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    biases = sum(len(p) for name, p in model.named_parameters() if p.dim() == 1 and name.endswith("bias"))
    assert narrow.costs["parameters"] == weights + biases
    assert result.plot == out / "front.svg" and result.plot.read_text().lstrip().startswith("<?xml")
    assert json.loads((out / "sweep.json").read_text())["front"] == [row.number for row in result.front]
    before = _values(result)
    again = sweep(tiny_recipe, tones, space, out, overrides=QUICK, device="cpu", cache=audio_cache)
    assert _values(again) == before  # a finished sweep is left as it is
    with pytest.raises(BadConfigError, match="another recipe"):
        sweep(tiny_recipe, tones, space, out, overrides=[*QUICK, "seed=3"], device="cpu", cache=audio_cache)


def test_the_front_is_of_those_that_no_other_beats() -> None:
    def row(number: int, gain: float | None, macs: int) -> TrialRow:
        return TrialRow(number, "trained", {}, gain, {"macs": macs}, "", "")

    rows = [row(0, 0.9, 50), row(1, 0.8, 20), row(2, 0.8, 30), row(3, 0.7, 20), row(4, 0.9, 50), row(5, None, 1)]
    assert [item.number for item in pareto(rows, ["macs"])] == [0, 4, 1]
    assert [item.number for item in pareto(rows, [])] == [0]


def test_bad_trials_are_stopped_early(tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    rates = '"optimiser.learning_rate" = { values = [1e-2, 1e-2, 1e-8] }\n"seed" = { low = 0, high = 3 }\n'
    space = _space(tmp_path, f'trials = 14\npruner = "median"\nsampler = "random"\n[space]\n{rates}')
    overrides = ["schedule.epochs=4", "schedule.ema_decay=0", "augment.noise_probability=0"]
    result = sweep(tiny_recipe, tones, space, tmp_path / "s", overrides=overrides, device="cpu", cache=audio_cache)
    stopped = [row for row in result.trials if row.state == "pruned"]
    assert stopped and all("worse than half" in row.why for row in stopped)
    epochs = [(tmp_path / "s" / row.run / "history.csv").read_text().count("\n") - 1 for row in stopped]
    assert min(epochs) < 4
    assert result.front[0].values["optimiser.learning_rate"] == 1e-2 and len(result.front) == 1


def test_a_trial_that_fails_is_told_and_the_sweep_goes_on(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    strides = '"model.arguments.stem_kernel" = { values = [3, 91] }\n'
    space = _space(tmp_path, f'trials = 4\nsampler = "random"\n[space]\n{strides}')
    result = sweep(tiny_recipe, tones, space, tmp_path / "s", overrides=QUICK, device="cpu", cache=audio_cache)
    assert {row.state for row in result.trials} == {"trained", "failed"}
    assert all("pads" in row.why for row in result.trials if row.state == "failed")


def _command(recipe: Path, tones: Path, space: Path, out: Path, *more: str) -> list[str]:
    settings = ["--set", "augment.noise_probability=0", "--set", "schedule.epochs=3", *more]
    return [
        "sweep",
        str(recipe),
        "--data",
        str(tones),
        "--space",
        str(space),
        "--device",
        "cpu",
        *settings,
        "-o",
        str(out),
    ]


def _start(command: list[str], audio_cache: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "EDGEKIT_CACHE": str(audio_cache), "CI": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "edgekit", *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
def test_a_sweep_killed_by_sigkill_ends_with_the_same_trials(
    tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path
) -> None:
    space = _space(tmp_path, f"trials = 5\n[space]\n{RATES}{WIDTHS}")
    whole = _start(_command(tiny_recipe, tones, space, tmp_path / "whole"), audio_cache)
    assert whole.wait(240) == 0
    killed = tmp_path / "killed"
    for place in ("0001", "0003"):
        process = _start(_command(tiny_recipe, tones, space, killed), audio_cache)
        history = killed / "trials" / place / "history.csv"
        for _ in range(6000):
            if history.is_file():
                break
            assert process.poll() is None, "the sweep ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert _start(_command(tiny_recipe, tones, space, killed), audio_cache).wait(240) == 0
    found = [json.loads((tmp_path / name / "sweep.json").read_text())["trials"] for name in ("whole", "killed")]
    plain = [[(row["run"], row["state"], row["values"], row["gain"]) for row in rows] for rows in found]
    assert plain[0] == plain[1] and len(plain[0]) == 5


@pytest.mark.slow
def test_two_workers_share_a_database(tmp_path: Path, tones: Path, tiny_recipe: Path, audio_cache: Path) -> None:
    space = _space(tmp_path, f"trials = 4\n[space]\n{RATES}")
    command = _command(
        tiny_recipe,
        tones,
        space,
        tmp_path / "s",
        "--storage",
        f"sqlite:///{tmp_path / 'trials.db'}",
        "--format",
        "json",
    )
    workers = [_start(command, audio_cache) for _ in range(2)]
    outputs = [worker.communicate(timeout=240) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    rows = json.loads(outputs[0][0])["trials"]
    assert len(rows) >= 4 and len({row["run"] for row in rows}) == len(rows)
    assert not list((tmp_path / "s" / "workers").iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials = 3\n", "nothing is searched"),
        ('trails = 3\n[space]\n"seed" = { low = 0, high = 3 }\n', "did you mean 'trials'"),
        ('[space]\n"schedule.epoch" = { low = 1, high = 3 }\n', "did you mean 'epochs'"),
        ('[space]\n"schedule.epochs" = { low = 0, high = 3 }\n', "epochs"),
        ('[space]\n"seed" = { low = 3, high = 0 }\n', "is no range"),
        ('[space]\n"seed" = 3\n', "is no table"),
        ('objectives = ["macs"]\n[space]\n"seed" = { low = 0, high = 3 }\n', "begin with one of macro_accuracy"),
        ('objectives = ["accuracy", "mac"]\n[space]\n"seed" = { low = 0, high = 3 }\n', "did you mean 'macs'"),
        (
            'pruner = "median"\nobjectives = ["accuracy", "macs"]\n[space]\n"seed" = { low = 0, high = 3 }\n',
            "single objective",
        ),
        ("[space", "not TOML"),
    ],
)
def test_a_space_with_a_mistake_is_refused(tmp_path: Path, tiny_recipe: Path, text: str, message: str) -> None:
    with pytest.raises(BadConfigError, match=message):
        load_space(_space(tmp_path, text), load_recipe(tiny_recipe))


def test_command_line(
    tmp_path: Path,
    tones: Path,
    tiny_recipe: Path,
    audio_cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(audio_cache))
    space = _space(tmp_path, f'objectives = ["accuracy", "parameter_bytes"]\ntrials = 2\n[space]\n{WIDTHS}')
    command = _command(tiny_recipe, tones, space, tmp_path / "s", "--set", "schedule.epochs=1")
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "2 trained" in text and "parameter bytes" in text and "model.arguments.channels=" in text
    for more, message in {
        ("--valid", "none"): "validation clips",
        ("--storage", "nosql://x"): "cannot be opened",
    }.items():
        assert main([*command, *more]) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.strip().splitlines()) == 1


def test_every_trial_may_be_distilled(
    tmp_path: Path, tones: Path, tiny_recipe: Path, tiny_run: Path, audio_cache: Path
) -> None:
    weights = '"distillation.weight" = { low = 0.2, high = 0.9 }\n'
    space = _space(tmp_path, f"trials = 2\n[space]\n{weights}")
    options = {"overrides": QUICK, "device": "cpu", "cache": audio_cache}
    result = sweep(tiny_recipe, tones, space, tmp_path / "s", teachers=[tiny_run], **options)
    assert [row.state for row in result.trials] == ["trained", "trained"]
    recipes = [load_checkpoint(tmp_path / "s" / row.run).recipe for row in result.trials]
    assert [recipe["distillation"]["logits"] for recipe in recipes] == ["hinton", "hinton"]
    weights_found = [recipe["distillation"]["weight"] for recipe in recipes]
    assert weights_found == [row.values["distillation.weight"] for row in result.trials]
    with pytest.raises(BadConfigError, match="another teachers"):
        sweep(tiny_recipe, tones, space, tmp_path / "s", **options)
