"""The GitHub Action and the pre-commit hook call commands that exist, with options that they have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from edgekit.cli.main import COMMANDS, build, main
from edgekit.graph.readers.load import SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "action-check-budget"


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def save(path: Path, channels: int = 8) -> Path:
    """Conv 3×3, 4 → channels over 10×20: 7,200 MACs a channel."""
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])],
        "hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 10, 20])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, 10, 20])],
        [onnx.numpy_helper.from_array(np.zeros((channels, 4, 3, 3), np.float32), "w")],
    )
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


# The action's file


def test_every_input_is_handed_to_the_script_and_read_there() -> None:
    action = load("action.yml")
    step = action["runs"]["steps"][-1]
    handed = {name: re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value) for name, value in step["env"].items()}
    assert all(handed.values())
    names = {match.group(1) for match in handed.values() if match}
    assert names == set(action["inputs"]) - {"python-version"}
    text = SCRIPT.read_text(encoding="utf-8")
    assert not [name for name in handed if name not in text]


def test_no_input_is_pasted_into_a_shell_script() -> None:
    for step in load("action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_script_that_the_action_runs_exists_and_parses() -> None:
    step = load("action.yml")["runs"]["steps"][-1]
    assert step["run"] == 'bash "$GITHUB_ACTION_PATH/scripts/action-check-budget"'
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


def test_every_option_of_the_script_is_one_of_its_command() -> None:
    """Options of a line belong to the command called there; those of the shared array to both."""
    known = {name: _options(name) for name in ("check-budget", "diff")}
    text = SCRIPT.read_text(encoding="utf-8")
    shared = set(re.findall(r"^given (--[a-z-]+)", text, re.MULTILINE))
    assert shared <= known["check-budget"] & known["diff"]
    calls = re.findall(r"^\s*edgekit ([a-z-]+) (.*)$", text, re.MULTILINE)
    assert {name for name, _ in calls} == {"check-budget", "diff"}
    for name, rest in calls:
        assert set(re.findall(r"(--[a-z-]+)", rest)) <= known[name]
    assert "--report" in known["check-budget"] and "--max-increase" in known["diff"]


def _options(command: str) -> set[str]:
    import click

    found = build().get_command(click.Context(build()), command)
    assert found is not None and command in COMMANDS
    return {name for parameter in found.params for name in parameter.opts if name.startswith("--")}


# The action's script, run as GitHub runs it


@pytest.fixture
def step(tmp_path: Path) -> Any:
    """Runs the script with inputs; gives its exit code, log, summary and outputs."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    launcher = bin_folder / "edgekit"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgekit "$@"\n')
    launcher.chmod(0o755)
    budget = tmp_path / "mine.toml"
    budget.write_text('source = "a test"\n[limits]\nmacs = 60_000\n')

    def run(**inputs: object) -> tuple[int, str, str, str]:
        summary, output = tmp_path / "summary.md", tmp_path / "output"
        summary.write_text(""), output.write_text("")
        environment = {
            **os.environ,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(output),
            "EDGEKIT_BUDGET": str(budget),
            **{f"EDGEKIT_{name}": str(value) for name, value in inputs.items()},
        }
        done = subprocess.run(["bash", str(SCRIPT)], cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout, summary.read_text(), output.read_text()

    return run


def test_a_good_model_passes_with_a_summary(step: Any, tmp_path: Path) -> None:
    code, log, summary, output = step(MODELS_IN=save(tmp_path / "m.onnx"))
    assert (code, output) == (0, "verdict=pass\n")
    assert log.startswith("::notice ")
    assert "✅ pass" in summary and "57,600" in summary


def test_a_model_over_the_budget_fails_with_reports(step: Any, tmp_path: Path) -> None:
    model = save(tmp_path / "my model.onnx", channels=10)
    code, log, summary, output = step(MODELS_IN=f"{model}\n", SARIF="out/b.sarif", JUNIT="out/b.xml")
    assert (code, output) == (1, "verdict=fail\n")
    assert log.startswith("::error file=") and "❌ fail" in summary
    assert (tmp_path / "out" / "b.sarif").is_file() and (tmp_path / "out" / "b.xml").is_file()


def test_the_base_is_compared_and_its_bound_holds(step: Any, tmp_path: Path) -> None:
    base, head = save(tmp_path / "base.onnx", channels=7), save(tmp_path / "head.onnx", channels=8)
    code, _, summary, output = step(MODELS_IN=head, BASE=base, MAX_INCREASE="macs=20%")
    assert (code, output) == (0, "verdict=pass\n") and "+14.29%" in summary
    code, log, _, output = step(MODELS_IN=head, BASE=base, MAX_INCREASE="macs=10%")
    assert (code, output) == (1, "verdict=fail\n") and "::error::" in log


def test_a_broken_model_is_undecided_and_nothing_in_a_name_is_run(step: Any, tmp_path: Path) -> None:
    model = tmp_path / "$(touch pwned).onnx"
    model.write_bytes(b"")
    code, _, _, output = step(MODELS_IN=model)
    assert (code, output) == (2, "verdict=undecided\n")
    assert not (tmp_path / "pwned").exists()


def test_a_model_named_like_an_option_is_a_model(step: Any, tmp_path: Path) -> None:
    save(tmp_path / "--help.onnx")
    assert step(MODELS_IN="--help.onnx")[0] == 0


def test_no_budget_is_an_error(step: Any, tmp_path: Path) -> None:
    assert step(MODELS_IN=save(tmp_path / "m.onnx"), BUDGET="")[0] == 2


# The pre-commit hook


def test_the_hook_calls_a_command_that_exists() -> None:
    (hook,) = load(".pre-commit-hooks.yaml")
    assert {"id", "name", "entry", "language", "files"} <= hook.keys()
    program, command = hook["entry"].split()
    scripts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf"^{program} = ", scripts, re.MULTILINE) and command in COMMANDS


def test_the_hook_takes_the_files_that_the_command_reads() -> None:
    (hook,) = load(".pre-commit-hooks.yaml")
    pattern = re.compile(hook["files"])
    assert {suffix for suffix in (".onnx", ".tflite", ".py", ".txt") if pattern.search(f"a/model{suffix}")} == {
        suffix for suffix in SUFFIXES if suffix in (".onnx", ".tflite")
    }


def test_the_hook_runs_as_pre_commit_calls_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (hook,) = load(".pre-commit-hooks.yaml")
    command = hook["entry"].split()[1]
    models = [str(save(tmp_path / f"{name}.onnx")) for name in "ab"]
    assert main([command, "--budget", "dcase2024-task1", *models]) == 0
    capsys.readouterr()
