"""``edgekit train``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.api.training import TrainResult


@click.command(
    "train",
    epilog=examples(
        "edgekit train kws-dscnn --data words -o run",
        "edgekit train asc-cp-mobile --data tau2022:TAU2022 --set schedule.epochs=5 -o run",
    ),
)
@click.argument("recipe")
@options.DATA
@options.TRAIN
@options.VALID
@options.SET
@options.START
@click.option("--causal", is_flag=True, help="Train the causal twin of the recipe's model, which streams exactly.")
@options.DEVICE
@options.DEVICES
@options.TRACKER
@options.OVERWRITE
@FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder.")
def command(
    recipe: str,
    data: tuple[str, ...],
    train_select: str | None,
    valid_select: str | None,
    overrides: tuple[str, ...],
    start: Path | None,
    causal: bool,
    device: str,
    devices: int,
    tracker: str | None,
    overwrite: bool,
    form: str,
    out: Path,
) -> None:
    """Train a student by RECIPE (a name or a TOML file).

    An interrupted run goes on when the same command is given again.
    """
    from edgekit.api.train import train

    with progress_bar() as progress:
        result = train(
            recipe,
            data,
            out,
            train_select=train_select,
            valid_select=valid_select,
            overrides=overrides,
            start=start,
            causal=causal,
            device=device,
            devices=devices,
            overwrite=overwrite,
            tracker=tracker,
            progress=progress,
        )
    show_result(result, form)


def show_result(result: TrainResult, form: str) -> None:
    """Print what a run left, as "text" or "json"."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # a further process of --devices: the first one reports
    for item in result.rejected[:10]:
        click.echo(f"left out: {item.path}: {item.reason}", err=True)
    if len(result.rejected) > 10:
        click.echo(f"left out: {len(result.rejected) - 10} more; see 'edgekit data inspect'", err=True)
    if form == "json":
        echo_json(result.to_json())
        return
    click.echo(f"run          {result.folder}")
    click.echo(f"clips        {result.clips[0]} training, {result.clips[1]} validation")
    if result.started:
        click.echo(f"started from {_started(result.started)}")
    click.echo(f"kept epoch   {result.epoch}")
    if result.validation:
        scores = result.validation
        click.echo(f"validation   accuracy {scores['accuracy']:.4f}, macro {scores['macro_accuracy']:.4f},", nl=False)
        click.echo(f" log loss {scores['log_loss']:.4f}")


def _started(started: dict[str, Any]) -> str:
    """Where the weights came from and what was begun anew, in one line."""
    kept, new = len(started["labels_kept"]), len(started["labels_new"])
    parts = [f"{started['source']} ({started['family']}), {kept} of {kept + new} outputs taken over"]
    parts += [f"{', '.join(started['resized'])} fitted to this grid"] if started["resized"] else []
    return "; ".join(parts)
