"""``edgekit sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.api.sweep import SweepResult


@click.command("sweep", epilog=examples("edgekit sweep kws-dscnn --data words --space space.toml --trials 20 -o sweep"))
@click.argument("recipe")
@options.DATA
@click.option("--space", required=True, type=click.Path(path_type=Path), help="What is searched: a TOML file.")
@click.option("--storage", help="Database URL or journal file that workers share.  [default: a journal in the folder]")
@click.option("--trials", type=click.IntRange(1), help="Number of trials, instead of the space's.")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Distil every trial: a run folder, or stored logits. Again for an ensemble.",
)
@options.TRAIN
@options.VALID
@options.SET
@options.DEVICE
@FORMAT
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
        echo_json(result.to_json())
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
