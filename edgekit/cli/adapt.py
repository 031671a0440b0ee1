"""``edgekit adapt``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar


@click.command(
    "adapt",
    epilog=examples(
        "edgekit adapt ast-lora --source runs/ast --data recordings -o runs/adapted",
        "edgekit distill kws-dscnn --teacher runs/adapted --data recordings -o runs/student",
    ),
)
@click.argument("recipe")
@click.option("--source", required=True, type=click.Path(path_type=Path), help="Frozen model: a run, or a checkpoint.")
@options.DATA
@options.TRAIN
@options.VALID
@options.SET
@options.DEVICE
@options.OVERWRITE
@click.option("--pictures", is_flag=True, help="Draw the trained programs into the run folder.")
@FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder.")
def command(
    recipe: str,
    source: Path,
    data: tuple[str, ...],
    train_select: str | None,
    valid_select: str | None,
    overrides: tuple[str, ...],
    device: str,
    overwrite: bool,
    pictures: bool,
    form: str,
    out: Path,
) -> None:
    """Adapt a frozen model to other labels by RECIPE: adapters for a transformer, or reprogramming of any classifier.

    Only what was trained is stored; source.safetensors in the run folder points to the frozen weights.
    """
    from edgekit.api.adapt import adapt

    with progress_bar() as progress:
        result = adapt(
            recipe,
            source,
            data,
            out,
            train_select=train_select,
            valid_select=valid_select,
            overrides=overrides,
            device=device,
            overwrite=overwrite,
            pictures=pictures,
            progress=progress,
        )
    if form == "json":
        echo_json(result.to_json())
        return
    scores = result.run.validation
    shown = f", {100 * scores['macro_accuracy']:.1f} % macro accuracy on validation" if scores else ""
    trained, beside = result.trained_parameters
    click.echo(f"{out}: epoch {result.run.epoch}{shown}")
    click.echo(
        f"trained {trained:,} numbers, {beside:,} of them outside the head; {result.frozen_parameters:,} are frozen; "
        f"{result.stored_bytes:,} bytes stored"
    )
