"""Documents: the site builds without a warning, and every command in them exists with the options it is given."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edgekit.cli.main import LazyCommands

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_INLINE = re.compile(r"`(edgekit [a-z][^`]*)`")


def _commands(page: Path) -> Iterator[str]:
    """Lines of code blocks that begin with edgekit, continued lines joined, and commands in the text."""
    text = page.read_text("utf-8")
    joined = re.sub(r"\\\n\s+", " ", text)
    for line in joined.splitlines():
        plain = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
        if line.startswith("    ") and plain.startswith("edgekit "):
            for part in re.split(r"\s+#\s|\s{3,}", plain)[0].split("&&"):
                yield part.strip()
    yield from _INLINE.findall(re.sub(r"\s*\n\s*", " ", joined))


CASES = sorted({(page.name, command) for page in PAGES for command in _commands(page)})


@pytest.mark.parametrize(("page", "command"), CASES)
def test_commands_exist_with_their_options(page: str, command: str) -> None:
    words = shlex.split(command.replace("…", " ").replace("|", " "), posix=True)[1:]
    group: click.Command = LazyCommands("edgekit")
    context = click.Context(group)
    while isinstance(group, click.Group) and words and words[0] and not words[0].startswith("-"):
        name = words.pop(0)
        if name in ("COMMAND",):
            return
        found = group.get_command(context, name)
        assert found is not None, f"{page}: no command {name!r}"
        group, context = found, click.Context(found, info_name=name, parent=context)
    known = {
        option for parameter in group.get_params(context) for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in words:
        if re.match(r"--?[a-zA-Z]", word):
            assert word.split("=")[0].rstrip(".,;)") in known, f"{page}: {command}: no option {word}"


def test_there_are_commands_to_check() -> None:
    assert len(CASES) > 60


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="pip install 'edgekit[docs]'")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "check-budget.html").is_file()
