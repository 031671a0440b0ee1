"""Command lines as documents and help texts write them: whether the command and its options exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from edgekit.cli.main import LazyCommands


def fault(line: str) -> str | None:
    """What is wrong with ``edgekit …``: no such command, no such option; None where nothing is."""
    words = shlex.split(line.replace("…", " ").replace("|", " "), posix=True)[1:]
    group: click.Command = LazyCommands("edgekit")
    context = click.Context(group)
    while isinstance(group, click.Group) and words and words[0] and not words[0].startswith("-"):
        name = words.pop(0)
        if name == "COMMAND":
            return None
        found = group.get_command(context, name)
        if found is None:
            return f"no command {name!r}"
        group, context = found, click.Context(found, info_name=name, parent=context)
    known = {
        option for parameter in group.get_params(context) for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in words:
        if re.match(r"--?[a-zA-Z]", word) and word.split("=")[0].rstrip(".,;)") not in known:
            return f"no option {word}"
    return None


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Full name and command of every command that has no commands of its own."""
    root = LazyCommands("edgekit")
    stack: list[tuple[str, click.Command]] = [("edgekit", root)]
    while stack:
        path, command = stack.pop()
        if not isinstance(command, click.Group):
            yield path, command
            continue
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            stack.append((f"{path} {name}", found))
