from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from edgekit.cli import main as cli
from edgekit.core.errors import BadFileError

HEAVY = ("torch", "tensorflow", "onnxruntime", "matplotlib", "lightning", "ai_edge_litert", "scipy")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from edgekit.cli.main import main; assert main(['--help']) == 0;"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("[]")


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_a_help_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


def test_a_typo_suggests_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chek-budget"]) == 2
    assert "check-budget" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("edgekit 0.")


def _command_raising(error: BaseException) -> click.Command:
    def body() -> None:
        raise error

    return click.Command("demo", callback=body)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (BadFileError("is damaged", where="a.onnx", mend="export it again"), 2, "a.onnx: is damaged (export it again)"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("division by zero"), 2, "internal error: ZeroDivisionError"),
    ],
)
def test_errors_become_one_line_and_an_exit_code(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.LazyCommands, "get_command", lambda *_: _command_raising(error))
    assert cli.main(["demo"]) == code
    captured = capsys.readouterr()
    assert text in captured.err and "Traceback" not in captured.err and captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


@pytest.mark.parametrize("given,wanted", [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_without_spinning_unless_told(
    given: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setattr(cli, "main", lambda: 0)
    with pytest.raises(SystemExit):
        cli.run()
    assert os.environ["OMP_WAIT_POLICY"] == wanted
