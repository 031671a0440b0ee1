"""Documents: the site builds without a warning, every command exists with its options, and what can be run is run."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_lines import fault
from doc_commands import PAGES, ROOT, Command, commands, mentions, name, redirected, words_of
from microphone import plug_in
from shelf import Shelf

from edgekit.cli.main import main

MENTIONS = sorted({(name(page), command) for page in PAGES for command in mentions(page)})

# What no test machine can do, or what a test of its own does with smaller things; each is checked to exist.
NOT_RUN = {
    r"edgekit (quantize …|distill RECIPE --teacher RUN …|data list\|inspect)": "a mention: no arguments",
    r"edgekit demo$": "run by tests/api/test_road.py with fewer voices",
    r"edgekit wake\b": "run by tests/detect/test_wake.py with fewer voices",
    r"edgekit source ": "four minutes, or public weights: tests/adapt/test_picture_sources.py",
    r"--host": "a Raspberry Pi: tests/bench/test_ssh.py and tests/cli/test_cli_run_stream.py go to this machine",
    r"--serial": "a board: tests/bench/test_on_board.py has its firmware behind a pseudo-terminal",
    r"--prune|--cluster|--weights": "the small model has nothing to spare: tests/quantize/test_(prune|cluster|int4).py",
    r"keras|saved_model": "TensorFlow in an environment of its own: tests/api/test_quantize_keras.py",
}


def _reason(command: Command) -> str:
    if command.not_run:
        return command.not_run
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, command.text)), "")


@pytest.mark.parametrize(("page", "command"), MENTIONS)
def test_commands_exist_with_their_options(page: str, command: str) -> None:
    if command.startswith("python "):
        assert (ROOT / command.split()[1]).is_file()
    else:
        assert fault(command) is None, f"{page}: {command}: {fault(command)}"


def test_there_are_commands_to_check() -> None:
    assert len(MENTIONS) > 100
    found = [command for page in PAGES for command in commands(page)]
    assert sum(not _reason(command) for command in found) > 120


def test_every_reason_for_not_running_is_needed() -> None:
    texts = [command.text for page in PAGES for command in commands(page)]
    assert [pattern for pattern in NOT_RUN if not any(re.search(pattern, text) for text in texts)] == []


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    pytest.importorskip("torch")
    return Shelf(tmp_path_factory.mktemp("shelf"))


_RUNNABLE = [name(page) for page in PAGES if any(not _reason(command) for command in commands(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", _RUNNABLE)
def test_the_commands_of_a_page_run_in_their_order(
    page: str, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    plug_in(monkeypatch)
    path = ROOT / page if (ROOT / page).is_file() else ROOT / "docs" / page
    for command in commands(path):
        if _reason(command):
            continue
        program, *words = words_of(command)
        _lend(shelf, words, tmp_path)
        if program == "python":
            subprocess.run([sys.executable, str(ROOT / words[0]), *words[1:]], check=True, cwd=tmp_path)
            continue
        monkeypatch.setattr(sys, "stdin", _pipe())
        code = main(words)
        printed = capsys.readouterr()
        if file := redirected(command):
            (tmp_path / file).write_text(printed.out, encoding="utf-8")
        # A gate may well say no to these small models: 1 is an answer.
        allowed = (0, 1) if words[0] in ("check-budget", "diff") else (0,)
        assert code in allowed, f"edgekit {' '.join(words)}\n{printed.out}\n{printed.err}"


def _pipe() -> io.TextIOWrapper:
    """Two seconds of raw PCM at 16 kHz, as ``arecord`` would send them."""
    tone = 8000 * np.sin(np.arange(32_000) / 10)
    return io.TextIOWrapper(io.BytesIO(tone.astype("<i2").tobytes()))


def _lend(shelf: Shelf, words: list[str], folder: Path) -> None:
    """Things that a command reads and that no command before made: everything but what stands behind -o."""
    for before, word in zip(["", *words], words, strict=False):
        if before in ("-o", "--output", "--out", "--report", "--store"):
            continue
        path = word.split("@")[0].removeprefix("fsdd:")
        if words[0] == "join" and path in ("two", "three") and not (folder / path).exists():
            shutil.copytree(folder / "one", folder / path)  # trained as the first was
        for thing in (path, path.split("/")[0]):
            if thing in shelf:
                shelf.lend(thing, folder)


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text("utf-8")], ids=name)
def test_the_python_of_a_page_runs(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S):
        done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="pip install 'edgekit[docs]'")
    pytest.importorskip("mkdocstrings", reason="pip install 'edgekit[docs]'")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    for page in ("check-budget", "tutorials/kws", "reference/command-line", "reference/python", "results/road"):
        assert (tmp_path / "site" / f"{page}.html").is_file(), page
    assert "Judge every model against every budget" in (tmp_path / "site/reference/python.html").read_text("utf-8")
