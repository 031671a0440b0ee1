"""``edgekit completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from edgekit.cli.examples import examples

_RC = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/edgekit.fish"}


@click.command(
    "completion",
    epilog=examples(
        *(f"edgekit completion {shell} >> {place}" for shell, place in _RC.items() if shell != "fish"),
        f"edgekit completion fish > {_RC['fish']}",
    ),
)
@click.argument("shell", type=click.Choice(list(_RC)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and choices in SHELL."""
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"this version of click completes nothing in {shell}", context)
    root = context.find_root()
    click.echo(completion(root.command, {}, "edgekit", "_EDGEKIT_COMPLETE").source())
