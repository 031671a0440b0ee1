"""What a command left out, on stderr."""

from __future__ import annotations

import click

from edgekit.data.manifest import Rejected

SHOWN = 20


def print_rejected(rejected: tuple[Rejected, ...], most: int | None = SHOWN) -> None:
    """List on stderr what was left out and why; never silent about the rest of a long list."""
    for item in rejected[:most]:
        click.echo(f"edgekit: left out {item.path}: {item.reason}", err=True)
    if most is not None and len(rejected) > most:
        click.echo(f"edgekit: … and {len(rejected) - most:,} more left out", err=True)
