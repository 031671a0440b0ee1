"""``edgekit distill``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar
from edgekit.cli.train import show_result


@click.command(
    "distill", epilog=examples("edgekit distill kws-dscnn --teacher runs/teacher --data words -o runs/student")
)
@click.argument("recipe")
@click.option(
    "--teacher",
    "teachers",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Run folder, or stored logits. Again for an ensemble.",
)
@options.DATA
@options.TRAIN
@options.VALID
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the recipe: distillation.weight=1. Repeatable.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Store the teachers' logits of the training clips here first; without -o, do only that.",
)
@click.option("--views", default=0, type=click.IntRange(0, 1000), help="With --store: augmented views of each clip.")
@click.option("--worker", default="1/1", metavar="K/N", help="With --store: this is worker K of N.")
@options.START
@options.DEVICE
@options.DEVICES
@options.TRACKER
@options.OVERWRITE
@FORMAT
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Run folder.")
def command(
    recipe: str,
    teachers: tuple[Path, ...],
    data: tuple[str, ...],
    train_select: str | None,
    valid_select: str | None,
    overrides: tuple[str, ...],
    start: Path | None,
    store: Path | None,
    views: int,
    worker: str,
    device: str,
    devices: int,
    tracker: str | None,
    overwrite: bool,
    form: str,
    out: Path | None,
) -> None:
    """Train a student by RECIPE (a name or a TOML file) under teachers.

    A teacher is a run, which is asked in every step, or a folder of stored logits. With --store, the runs are asked
    once for every clip; several workers may share that. Interrupted work goes on when the same command is given again.
    """
    if store is None and out is None:
        raise click.UsageError("Give -o for a run, --store for logits, or both.")
    if store is None and (views or worker != "1/1"):
        raise click.UsageError("--views and --worker belong to --store.")
    if worker != "1/1" and out is not None:
        raise click.UsageError("A worker only stores: train when all of them are done, with --teacher LOGITS -o RUN.")
    if store is not None:
        _store(
            recipe, teachers, data, store, views, worker, train_select, overrides, device, form if out is None else None
        )
    if out is None:
        return
    from edgekit.api.distill import distill

    with progress_bar() as progress:
        result = distill(
            recipe,
            teachers if store is None else (store,),
            data,
            out,
            train_select=train_select,
            valid_select=valid_select,
            overrides=overrides,
            start=start,
            device=device,
            devices=devices,
            overwrite=overwrite,
            tracker=tracker,
            progress=progress,
        )
    show_result(result, form)


def _store(
    recipe: str,
    teachers: tuple[Path, ...],
    data: tuple[str, ...],
    store: Path,
    views: int,
    worker: str,
    train_select: str | None,
    overrides: tuple[str, ...],
    device: str,
    form: str | None,
) -> None:
    """Fill the store; ``form`` None keeps quiet, because a run's result follows."""
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", worker)
    if match is None:
        raise click.UsageError("--worker is K/N, for instance 2/4.")
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # a further process of --devices: the first one has stored before it started this one
    from edgekit.api.logits import store_logits

    with progress_bar() as progress:
        result = store_logits(
            recipe,
            teachers,
            data,
            store,
            views=views,
            worker=(int(match[1]) - 1, int(match[2])),
            train_select=train_select,
            overrides=overrides,
            device=device,
            progress=progress,
        )
    if form == "json":
        echo_json(result.to_json())
    elif form == "text":
        click.echo(f"logits       {result.folder}")
        click.echo(f"clips        {result.computed} computed, {result.found} found, {1 + result.views} views each")
