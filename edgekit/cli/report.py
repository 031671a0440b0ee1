"""``edgekit report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Page to write.")
def command(runs: tuple[Path, ...], out: Path) -> None:
    """Write one self-contained HTML page about training RUNS."""
    from edgekit.api.report import report

    click.echo(f"report: {report(runs, out)}")
