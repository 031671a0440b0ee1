"""``edgekit features``: exit codes, text and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.cli.main import main
from edgekit.features.presets import PRESETS


def test_list_names_all_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in PRESETS)
    assert main(["features", "list", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["presets"]
    assert {row["name"]: row["digest"] for row in rows} == {name: spec.digest for name, spec in PRESETS.items()}


def test_show_prints_fields_and_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "show", "dcase2023"]) == 0
    out = capsys.readouterr().out
    assert "[1, 256, 64, 1]" in out
    assert PRESETS["dcase2023"].digest in out


def test_the_spec_that_show_prints_can_be_read_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["features", "show", "kws-logmel-40", "--format", "json"]) == 0
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(json.loads(capsys.readouterr().out)["spec"]))
    assert main(["features", "show", str(file), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == PRESETS["kws-logmel-40"].digest


def test_verify_passes_with_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "verify", "kws-mfcc-49x10", "--implementation", "c", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema_version"] == 1
    assert report["passed"] is True
    assert report["comparisons"][0]["max_difference"] <= 1e-3


def test_verify_fails_with_exit_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from edgekit.features import compare

    monkeypatch.setattr(compare, "TOLERANCES", {"torch": 0.0, "c": 0.0})
    assert main(["features", "verify", "kws-mfcc-49x10", "--implementation", "c"]) == 1
    assert "fail" in capsys.readouterr().out


def test_verify_on_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for label in ("yes", "no"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for take in range(2):
            soundfile.write(tmp_path / "set" / label / f"{take}.wav", 0.1 * random.standard_normal(12_000), 16_000)
    arguments = ["features", "verify", "kws-logmel-40", "--data", str(tmp_path / "set"), "--format", "json"]
    assert main(arguments) == 0
    assert {c["clips"] for c in json.loads(capsys.readouterr().out)["comparisons"]} == {4}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "kws-logmel"], "did you mean 'kws-logmel-40'"),
        (["verify", "nothing.json"], "neither a preset"),
        (["verify", "kws-logmel-40", "--data", "nowhere"], "nowhere"),
        (["plot", "kws-logmel-40", "nowhere.wav", "-o", "x.png"], "nowhere.wav"),
    ],
)
def test_errors_are_one_line_and_exit_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["features", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_plot_writes_a_picture(suffix: str, magic: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    picture = tmp_path / f"x{suffix}"
    assert main(["features", "plot", "kws-logmel-40", str(tmp_path / "a.wav"), "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(magic)


def test_plot_refuses_other_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.ones(100) * 0.1, 16_000)
    picture = tmp_path / "x.gif"
    assert main(["features", "plot", "kws-logmel-40", str(tmp_path / "a.wav"), "-o", str(picture)]) == 2
    assert not picture.exists()
