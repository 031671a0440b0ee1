"""``edgekit eval``: formats, comparison, ensemble, ranking, one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
from tiny_recipe import RECIPE

from edgekit.cli.main import main
from edgekit.report.schemas import json_schema


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs a and b on 16 clips of two classes by four speakers."""
    folder = tmp_path_factory.mktemp("eval")
    (folder / "recipe.toml").write_text(RECIPE)
    draw = np.random.default_rng(0)
    lines = ["path,label,speaker,split"]
    for number in range(16):
        name, label = f"{number}.wav", ("loud", "soft")[number % 2]
        soundfile.write(folder / name, draw.normal(0, (0.3, 0.01)[number % 2], 2000), 8000)
        lines.append(f"{name},{label},s{number % 8 // 2},{'train' if number < 8 else 'test'}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEKIT_CACHE", str(folder / "cache"))
        for name, seed in (("a", 0), ("b", 1)):
            data = ["--data", str(folder / "manifest.csv"), "--valid", "none", "--device", "cpu"]
            assert (
                main(["train", str(folder / "recipe.toml"), *data, "--set", f"seed={seed}", "-o", str(folder / name)])
                == 0
            )
    return folder


@pytest.fixture(autouse=True)
def cache(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(world / "cache"))


def test_json_of_two_runs_their_mean_and_their_difference(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = str(world / "a"), str(world / "b")
    options = ["--data", str(world / "manifest.csv"), "--compare", a, b, "--mean", "--costs", "--format", "json"]
    assert main(["eval", *options]) == 0
    text = capsys.readouterr().out
    report = json.loads(text)
    jsonschema.Draft202012Validator(json_schema("eval")).validate(report)
    assert [row["model"] for row in report["results"]] == ["a", "b", "mean of 2 models"]
    assert {row["clips"] for row in report["results"]} == {8}
    assert (report["comparisons"][0]["a"], report["comparisons"][0]["b"]) == ("a", "b")
    assert report["results"][0]["label_by"]["speaker"]["seen"] == [True] * 4
    (world / "eval.json").write_text(text)
    assert main(["budget", "rank", str(world / "eval.json")]) == 0
    assert "score" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_tables_show_intervals_by_clip_and_speaker(world: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["eval", str(world / "a"), "--data", str(world / "manifest.csv"), "--format", form]) == 0
    out = capsys.readouterr().out
    assert "95 % by clip" in out and "95 % by speaker" in out and "expected calibration error" in out


def test_a_label_that_the_model_does_not_know_is_one_line(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = world / "other.csv"
    other.write_text((world / "manifest.csv").read_text().replace(",soft,", ",whisper,"))
    assert main(["eval", str(world / "a"), "--data", str(other)]) == 2
    error = capsys.readouterr().err
    assert "does not know the label 'whisper'" in error and len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no model to evaluate"),
        (["a", "--select", "speaker=nobody"], "selects no clip"),
        (["a", "--frontend", "kws-logmel-40"], "made for front-end"),
        (["a", "b", "--plot", "confusion.png"], "of one model"),
        (["a", "--mean"], "two models or more"),
        (["a", "--trained-on", "split=nothing"], "selects no clip"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    world: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    models = [str(world / option) if option in "ab" else option for option in options]
    assert main(["eval", *models, "--data", str(world / "manifest.csv")]) == 2
    streams = capsys.readouterr()
    assert message in streams.err and len(streams.err.strip().splitlines()) == 1 and streams.out == ""
