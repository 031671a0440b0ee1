"""``edgekit sweep``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.api.sweep import SweepResult


@click.command("sweep", epilog=examples("edgekit sweep kws-dscnn --data words --space space.toml --trials 20 -o sweep"))
@click.argument("recipe")
@click.option(
    "--data",
    "data",
    required=True,
    multiple=True,
    help="Data set: a CSV manifest or a folder; KIND:PATH names its kind. Again for one to mix in.",
)
@click.option("--space", required=True, type=click.Path(path_type=Path), help="What is searched: a TOML file.")
@click.option("--storage", help="Database URL or journal file that workers share. Default: a journal in the folder.")
@click.option("--trials", type=click.IntRange(1), help="Number of trials, instead of the space's.")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Distil every trial: a run folder, or stored logits. Again for an ensemble.",
)
@click.option(
    "--train", "train_select", help='Training clips, e.g. "speaker=spk00..spk17"; "all". Default: split=train.'
)
@click.option("--valid", "valid_select", help="Validation clips. Default: split=validation.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe: schedule.epochs=5.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder of the sweep.")
def command(
    recipe: str,
    data: tuple[str, ...],
    space: Path,
    storage: str | None,
    trials: int | None,
    teachers: tuple[Path, ...],
    train_select: str | None,
    valid_select: str | None,
    overrides: tuple[str, ...],
    device: str,
    form: str,
    out: Path,
) -> None:
    """Search keys of RECIPE (a name or a TOML file) for accuracy against cost.

    The space names them: objectives = ["macro_accuracy", "macs"], budget = "dcase2024-task1", trials = 40, and below
    [space] lines such as "optimiser.learning_rate" = { low = 1e-4, high = 1e-2, log = true } or
    "model.arguments.base_channels" = { values = [16, 24, 32] }. The same command in another process or on another
    machine helps; given again after a kill, it goes on.
    """
    from edgekit.api.sweep import sweep

    with progress_bar() as progress:
        result = sweep(
            recipe,
            data,
            space,
            out,
            storage=storage,
            trials=trials,
            teachers=teachers,
            train_select=train_select,
            valid_select=valid_select,
            overrides=overrides,
            device=device,
            progress=progress,
        )
    if form == "json":
        click.echo(json.dumps({"schema_version": 1, **result.to_json()}, indent=2))
        return
    _show(result)


def _show(result: SweepResult) -> None:
    """How the trials ended, and the front."""
    states = [row.state for row in result.trials]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    click.echo(f"sweep        {result.folder}")
    click.echo(f"trials       {len(states)}: {counted}")
    for row in result.trials:
        if row.state == "failed":
            click.echo(f"trial {row.number} failed: {row.why}", err=True)
    if result.plot:
        click.echo(f"plot         {result.plot}")
    for row in result.front:
        costs = ", ".join(f"{row.costs[name]:,} {name.replace('_', ' ')}" for name in result.objectives[1:])
        values = ", ".join(f"{key}={value}" for key, value in row.values.items())
        click.echo(f"trial {row.number:4d}   {row.gain:.4f}  {costs}  {values}".rstrip())
