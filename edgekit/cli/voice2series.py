"""``edgekit voice2series``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar


@click.command(
    "voice2series",
    epilog=examples(
        "edgekit train v2s-attention-bilstm --data words -o runs/source",
        "edgekit voice2series --source runs/source --source-data words --train A_TRAIN.ts --test A_TEST.ts -o out",
    ),
)
@click.option(
    "--source",
    "sources",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Run of an acoustic model; stays frozen. Several are candidates.",
)
@click.option(
    "--train", "train_file", required=True, type=click.Path(path_type=Path), help=".ts or .arff to learn from."
)
@click.option("--test", "test_file", required=True, type=click.Path(path_type=Path), help=".ts or .arff to judge by.")
@click.option(
    "--source-data", required=True, multiple=True, help="Recordings of the source's own kind: for its risk. Repeatable."
)
@click.option(
    "--placement",
    "placements",
    multiple=True,
    default=("pad", "repeat"),
    show_default=True,
    help="Of a series in a clip: pad (between zeros) or repeat (copies in a row). Repeatable.",
)
@click.option(
    "--each",
    multiple=True,
    type=click.IntRange(1),
    default=(1, 2),
    show_default=True,
    help="Source classes a class. Repeatable.",
)
@click.option("--epochs", type=click.IntRange(1), help="Over the training series.  [default: 200 steps' worth]")
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn at random.")
@FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for result and pictures.")
def command(
    sources: tuple[Path, ...],
    train_file: Path,
    test_file: Path,
    source_data: tuple[str, ...],
    placements: tuple[str, ...],
    each: tuple[int, ...],
    epochs: int | None,
    seed: int,
    form: str,
    out: Path,
) -> None:
    """Classify time series with a frozen acoustic model (Voice2Series).

    Each source, placement and class map is tried; the one with the smallest risk bound is kept.
    """
    from edgekit.api.voice2series import voice2series

    with progress_bar() as progress:
        result = voice2series(
            sources,
            train_file,
            test_file,
            source_data,
            out,
            placements=placements,
            each=each,
            epochs=epochs,
            seed=seed,
            progress=progress,
        )
    if form == "json":
        echo_json(result.to_json())
        return
    click.echo(f"{result.problem}: {result.classes} classes, {result.train} series to train, {result.test} to test")
    click.echo("  source                 risk  placement  each  trained  distance  bound  train  test")
    for number, item in enumerate(result.candidates):
        mark = "*" if number == result.chosen else " "
        click.echo(
            f"{mark} {item.source:21}  {100 * item.source_risk:4.1f}  {item.placement:9}  {item.each:4}  "
            f"{item.trained_parameters:7,}  {item.distance:8.3f}  {item.bound:5.2f}  {100 * item.train_accuracy:5.1f}  "
            f"{100 * item.test_accuracy:4.1f}"
        )
    click.echo(f"* smallest bound; pictures and program in {out}")
