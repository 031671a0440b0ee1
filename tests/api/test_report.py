from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.cli.main import main


def _run(folder: Path, accuracy: float) -> Path:
    folder.mkdir(parents=True)
    scores = {"clips": 4, "accuracy": accuracy, "macro_accuracy": accuracy, "log_loss": 0.5}
    (folder / "metrics.json").write_text(json.dumps({"epoch": 2, "validation": scores}))
    (folder / "history.csv").write_text("epoch,train_loss,valid_loss,valid_accuracy\n1,2.0,2.1,0.3\n2,1.0,1.2,\n")
    (folder / "recipe.toml").write_text('[model]\nname = "<b>ds-cnn</b>"\n')
    return folder


def test_runs_stand_side_by_side(tmp_path: Path) -> None:
    runs = [_run(tmp_path / name, accuracy) for name, accuracy in (("narrow", 0.5), ("wide", 0.875))]
    assert main(["report", *map(str, runs), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "50.00 %" in page and "87.50 %" in page and page.count("<svg") == 2
    assert "<b>ds-cnn" not in page


@pytest.mark.parametrize("damage", ["metrics.json", "history.csv", "recipe.toml"])
def test_a_damaged_run_is_named_and_no_page_is_written(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _run(tmp_path / "run", 0.5)
    (run / damage).write_bytes(b"\xff\xfe")
    assert main(["report", str(run), "-o", str(tmp_path / "page.html")]) == 2
    assert damage in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
