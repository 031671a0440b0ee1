"""``edgekit soup``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar


@click.command("soup", epilog=examples("edgekit soup runs/a runs/b runs/c --data words -o runs/soup"))
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.DATA
@click.option("--method", default="greedy", show_default=True, help="greedy or uniform.")
@click.option(
    "--train",
    "train_select",
    metavar="SELECTION",
    help="Clips from which batch statistics are re-estimated.  [default: split=train]",
)
@options.VALID
@options.DEVICE
@FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder of the soup.")
def command(
    runs: tuple[Path, ...],
    data: tuple[str, ...],
    method: str,
    train_select: str | None,
    valid_select: str | None,
    device: str,
    form: str,
    out: Path,
) -> None:
    """Mix the weights of RUNS of one model into one run (model soup)."""
    from edgekit.api.soup import soup

    with progress_bar() as progress:
        result = soup(
            runs,
            data,
            out,
            method=method,
            train_select=train_select,
            valid_select=valid_select,
            device=device,
            progress=progress,
        )
    if form == "json":
        echo_json(result.to_json())
        return
    click.echo(f"run          {result.folder}")
    click.echo(f"method       {result.method}, {len(result.chosen)} of {len(runs)} runs")
    rows = [*result.alone.items(), *([("soup", result.together)] if result.together else [])]
    for name, scores in rows:
        mark = "*" if name in result.chosen else " "
        click.echo(f"{mark} {scores['macro_accuracy']:.4f} macro  {scores['log_loss']:.4f} log loss  {name}")
