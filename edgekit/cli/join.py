"""``edgekit join``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json


@click.command("join", epilog=examples("edgekit join runs/a runs/b -o runs/joined"))
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Argument of all models that changes no weight: dense_time=width. Repeatable.",
)
@FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder of the joined model.")
def command(runs: tuple[Path, ...], overrides: tuple[str, ...], form: str, out: Path) -> None:
    """Put RUNS side by side into one model, whose answer is the mean of their logits."""
    from edgekit.api.join import join

    result = join(runs, out, overrides=overrides)
    if form == "json":
        echo_json(result.to_json())
        return
    click.echo(f"run          {result.folder}")
    click.echo(f"joined       {len(result.members)} runs, {result.parameters:,} parameters")
