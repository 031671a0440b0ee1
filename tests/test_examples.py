"""The scripts of examples/, as a reader runs them, on small recordings and models (tests/shelf.py)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from shelf import QUICK, Shelf

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SETTINGS = [word for setting in QUICK for word in ("--set", setting)]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    pytest.importorskip("torch")
    return Shelf(tmp_path_factory.mktemp("examples"))


def _run(script: str, *words: str | Path, cwd: Path, code: int = 0) -> str:
    environment = {**os.environ, "EDGEKIT_CACHE": str(cwd / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / script), *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_script_is_run_here_and_listed() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    listed = set(re.findall(r"\]\((\w+\.py)\)", (EXAMPLES / "README.md").read_text("utf-8")))
    here = set(re.findall(r'_run\(\s*"(\w+\.py)"', Path(__file__).read_text("utf-8")))
    assert scripts == listed == here


@pytest.mark.slow
def test_the_gate_fails_for_the_model_that_is_over_and_reports_both(shelf: Shelf, tmp_path: Path) -> None:
    report = tmp_path / "gate.md"
    out = _run("gate_in_ci.py", shelf["models"], "--report", report, cwd=tmp_path, code=1)
    assert report.read_text("utf-8") == out
    assert re.search(r"\| good.tflite \| pass \|", out) and re.search(r"\| large.onnx \| fail \| 160,000", out)


@pytest.mark.slow
def test_an_int8_file_of_someone_else_becomes_c(shelf: Shelf, tmp_path: Path) -> None:
    out = _run("tflite_to_c.py", shelf["model.tflite"], "--clips", "2", cwd=tmp_path)
    assert "outputs equal on 2 inputs" in out and re.search(r"instructions +[\d,]+ +\S+ \(emulated\)", out)
    assert (tmp_path / "firmware" / "firmware.elf").is_file()


@pytest.mark.slow
def test_a_student_is_distilled_on_a_folder(shelf: Shelf, tmp_path: Path) -> None:
    words = ["--teacher", "kws-dscnn", "--views", "1", *SETTINGS]
    out = _run("distil_on_a_folder.py", shelf["words"], *words, cwd=tmp_path)
    assert len(re.findall(r"% of 24 test clips", out)) == 3 and "taught − alone" in out


@pytest.mark.slow
def test_two_front_ends_are_compared(shelf: Shelf, tmp_path: Path) -> None:
    other = json.loads((shelf["exported"] / "frontend.json").read_text("utf-8"))
    (tmp_path / "coarse.json").write_text(json.dumps({**other, "hop_length": 640}), encoding="utf-8")
    out = _run("compare_front_ends.py", shelf["words"], "kws-logmel-40", "coarse.json", *SETTINGS, cwd=tmp_path)
    assert "coarse.json − kws-logmel-40" in out and "95 % interval" in out and "24 clips" in out


@pytest.mark.slow
def test_an_event_runs_the_action(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "lantern"
    shelf.lend("model.int8.tflite", folder)
    settings = {"outputs": 3, "keywords": [2], "thresholds": [100], "smoothing": 1, "refractory": 0, "step_ms": 100}
    (folder / "detector.json").write_text(json.dumps(settings), encoding="utf-8")
    _run("wake_word_on_a_pi.py", folder, shelf["clip.wav"], "--action", "echo $WAKE_SCORE >> heard", cwd=tmp_path)
    scores = [float(line) for line in (tmp_path / "heard").read_text("utf-8").splitlines()]
    assert scores and all(0 < score <= 1 for score in scores)


def test_scenes_are_three_classes_in_three_splits(tmp_path: Path) -> None:
    _run("make_scenes.py", "scenes", "--clips", "5", cwd=tmp_path)
    found = {str(path.parent.relative_to(tmp_path / "scenes")) for path in tmp_path.rglob("*.wav")}
    scenes, splits = ("hall", "park", "street"), ("train", "validation", "test")
    assert found == {f"{split}/{scene}" for split in splits for scene in scenes}
    assert len(list(tmp_path.rglob("*.wav"))) == 15
