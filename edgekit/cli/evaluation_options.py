"""Options of the commands that evaluate models on recordings."""

from __future__ import annotations

from pathlib import Path

import click

SELECT = click.option(
    "--select",
    metavar="SELECTION",
    help='Clips, e.g. "speaker=spk21..spk25"; "all".  [default: split=test, where there is one]',
)
TRAINED_ON = click.option(
    "--trained-on",
    metavar="SELECTION",
    help="Clips of --data that training had, for seen and unseen.  [default: split=train]",
)
LABELS = click.option(
    "--labels", type=click.Path(path_type=Path), help="One class name a line, for a model without labels."
)
DEVICE = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", show_default=True, help="Of runs."
)
