"""Help as a stranger reads it: every command says what it does, with an example that exists, and shows its defaults."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import click
import pytest
from command_lines import every_command, fault

from edgekit.cli.main import build, main

COMMANDS = dict(every_command())


def _help(path: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*path.split()[1:], "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("path", COMMANDS)
def test_help_has_an_example_of_the_command_itself(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = _help(path, capsys)
    lines = [line.strip() for line in text.split("Examples:")[1].splitlines() if line.strip().startswith("edgekit ")]
    assert any(line == path or line.startswith(f"{path} ") for line in lines)
    assert [problem for line in lines if (problem := fault(line.split(" >")[0]))] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_help_says_what_the_command_and_each_option_do(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = _help(path, capsys)
    assert "\\b" not in text and COMMANDS[path].help
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("path", COMMANDS)
def test_an_option_that_may_be_given_again_says_so(path: str) -> None:
    many = [option for option in COMMANDS[path].params if isinstance(option, click.Option) and option.multiple]
    silent = [option.opts[-1] for option in many if not re.search("[Rr]epeatable|[Aa]gain|Several", option.help or "")]
    assert silent == []


def test_a_default_is_shown_without_being_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"--voices INTEGER.*\n?.*\[default: 40\]", _help("edgekit data synth", capsys))
    assert build().context_settings["show_default"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_one_that_its_shell_reads(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_EDGEKIT_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("edgekit check", ["check-budget"]),
        ("edgekit bench --optimize s", ["size", "speed"]),
        ("edgekit data f", ["fetch"]),
    ],
)
def test_completion_gives_commands_options_and_choices(words: str, expected: list[str]) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_EDGEKIT_COMPLETE": "bash_complete"}
    environment = {**os.environ, **asked}
    code = "import sys; sys.argv[0] = 'edgekit'; from edgekit.cli.main import run; run()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [f"plain,{name}" for name in expected]
