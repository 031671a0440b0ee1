"""Options of the commands that train."""

from __future__ import annotations

from pathlib import Path

import click

DATA = click.option(
    "--data",
    "data",
    metavar="DATA",
    required=True,
    multiple=True,
    help="Data set: a CSV manifest or a folder; KIND:PATH names its kind. Again to mix one in, PATH@0.3 a share of it.",
)
TRAIN = click.option(
    "--train",
    "train_select",
    metavar="SELECTION",
    help='Training clips, e.g. "speaker=spk00..spk17"; "all".  [default: split=train]',
)
VALID = click.option(
    "--valid",
    "valid_select",
    metavar="SELECTION",
    help='Validation clips; "none".  [default: split=validation, where there is one]',
)
START = click.option(
    "--start", type=click.Path(path_type=Path), help="Fine-tune these weights: a run, its checkpoint, or a public one."
)
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
DEVICES = click.option(
    "--devices", default=1, show_default=True, type=click.IntRange(1), help="Processes (Lightning DDP)."
)
TRACKER = click.option(
    "--tracker", type=click.Choice(["tensorboard", "mlflow"]), help="Tell it about every epoch, where it is installed."
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Throw away the run that the folder holds.")
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe: schedule.epochs=5. Repeatable."
)
