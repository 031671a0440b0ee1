"""``edgekit source``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.examples import examples
from edgekit.cli.progress import progress_bar

_OUT = click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A .safetensors file.")


@click.group("source", help="Make a frozen picture classifier that edgekit adapt reprograms.")
def command() -> None:
    """Group of the two ways."""


@command.command("pictures", epilog=examples("edgekit source pictures -o source.safetensors"))
@click.option("--per-class", default=100, show_default=True, type=click.IntRange(2), help="Pictures of each class.")
@click.option("--epochs", default=8, show_default=True, type=click.IntRange(1), help="Passes over the pictures.")
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn at random.")
@_OUT
def pictures(per_class: int, epochs: int, seed: int, out: Path) -> None:
    """Train one on scikit-learn's digits and drawn shapes; minutes, no download."""
    from edgekit.api.source import train_picture_source

    with progress_bar() as progress:
        made = train_picture_source(out, per_class=per_class, epochs=epochs, seed=seed, progress=progress)
    click.echo(f"{made.file}: {len(made.labels)} classes, {100 * made.accuracy:.1f} % of unseen pictures")


@command.command(
    "torchvision",
    short_help="Take public WEIGHTS (.pth) of an ARCHITECTURE of torchvision.",
    epilog=examples("edgekit source torchvision squeezenet1_1 squeezenet1_1.pth -o source.safetensors"),
)
@click.argument("architecture")
@click.argument("weights", type=click.Path(path_type=Path))
@_OUT
def torchvision(architecture: str, weights: Path, out: Path) -> None:
    """Take public WEIGHTS (.pth) of an ARCHITECTURE, such as squeezenet1_1 or resnet50; needs torchvision."""
    from edgekit.api.source import torchvision_source

    made = torchvision_source(architecture, weights, out)
    click.echo(f"{made.file}: {architecture}, {len(made.labels)} classes, {made.digest[:19]}…")
