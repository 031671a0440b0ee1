"""Every command of the README is run, in its order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")


def _commands(section: str) -> list[list[str]]:
    body = TEXT.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip() for line in body.splitlines() if line.startswith("    edgekit ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.slow
def test_the_road_step_by_step_runs_as_written(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    commands = _commands("The road, step by step")
    assert [command[0] for command in commands] == [
        "data", "data", "train", "eval", "export", "quantize", "check-budget", "compile", "bench"
    ]  # fmt: skip
    environment = {**os.environ, "EDGEKIT_CACHE": str(tmp_path / "cache")}
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "edgekit", *command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"edgekit {shlex.join(command)}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "firmware" / "firmware.elf").is_file()


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"edgekit (?:data )?([a-z][a-z0-9-]+)", TEXT))
    named |= set(re.findall(r"`edgekit ([a-z0-9-]+)", TEXT))
    known = set(COMMANDS) | {"synth", "fetch", "inspect", "list"}
    prose = {"takes", "never", "follows"}
    assert named - prose <= known


def test_files_that_the_readme_points_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    for script in re.findall(r"`?\./?(scripts/[a-z-]+)", TEXT):
        assert os.access(ROOT / script, os.X_OK), script


def test_figures_of_the_readme_are_those_of_the_result_files() -> None:
    import json

    rows = json.loads((ROOT / "benchmarks/results/road.json").read_text())["rows"]
    for row in rows:
        assert f"{100 * row['int8_accuracy']:.1f} %" in TEXT, row["held_out"]
    for row in json.loads((ROOT / "benchmarks/results/mcu_equality.json").read_text())["rows"]:
        if row.get("instructions"):
            assert f"{row['instructions']:,}" in TEXT
