"""The reference of the command line: every command's help, as ``edgekit COMMAND --help`` prints it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from edgekit.cli.main import build

_HEAD = """\
# Command line

Made from the commands themselves. Exit codes are the same everywhere: 0 done or passed, 1 a gate failed, 2 undecided or
not possible. Results go to stdout, progress and logs to stderr. `edgekit completion bash|zsh|fish` prints the script
that completes commands and options.
"""


def page() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in helps())


def helps() -> Iterator[tuple[str, str]]:
    """Name and help of every command that can be run, in the order of ``edgekit --help``."""
    root = build()
    yield from _below(root, click.Context(root, info_name="edgekit", max_content_width=100))


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    if not isinstance(command, click.Group):
        yield context.command_path, command.get_help(context).strip()
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        inner = click.Context(found, info_name=name, parent=context, max_content_width=100, show_default=True)
        yield from _below(found, inner)
