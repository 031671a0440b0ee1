"""``edgekit eval``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.train.evaluation.evaluation import Evaluation


@click.command("eval")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", "data", required=True, help="Data set: a CSV manifest or a folder; KIND:PATH names its kind.")
@click.option("--select", help='Clips, e.g. "speaker=spk21..spk25"; "all". Default: split=test, where there is one.')
@click.option("--frontend", help="Preset or frontend.json; must be the one the model was made for.")
@click.option("--labels", type=click.Path(path_type=Path), help="One class name a line, for a model without labels.")
@click.option("--predictions", type=click.Path(path_type=Path), help="Write one CSV row a clip.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the confusion matrix (.png, .svg, .pdf).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    model: Path,
    data: str,
    select: str | None,
    frontend: str | None,
    labels: Path | None,
    predictions: Path | None,
    plot: Path | None,
    form: str,
) -> None:
    """Accuracy, confusion matrix and per-group tables of MODEL (a run folder, .onnx or .tflite)."""
    from edgekit.api.evaluate import evaluate

    with progress_bar() as progress:
        result = evaluate(
            model,
            data,
            select=select,
            frontend=frontend,
            labels=labels,
            predictions=predictions,
            plot=plot,
            progress=progress,
        )
    if form == "json":
        click.echo(json.dumps({"schema_version": 1, **result.to_json()}, indent=2))
    else:
        _print(result)


def _print(result: Evaluation) -> None:
    from edgekit.report.table import render_table
    from edgekit.train.evaluation.evaluation import GROUPS

    scores = result.scores
    click.echo(f"{result.model} ({result.arithmetic}) on {scores.clips} clips")
    click.echo(f"accuracy {scores.accuracy:.4f}   macro {scores.macro_accuracy:.4f}   log loss {scores.log_loss:.4f}\n")
    for name in ("label", *GROUPS):
        rows = result.group(name)
        if rows:
            cells = [[key, str(row.clips), f"{row.accuracy:.4f}", f"{row.log_loss:.4f}"] for key, row in rows.items()]
            click.echo(render_table([name, ">clips", ">accuracy", ">log loss"], cells))
    header = ["true \\ predicted", *(f">{label}" for label in result.labels)]
    counts = [[label, *map(str, row)] for label, row in zip(result.labels, result.confusion.tolist(), strict=True)]
    click.echo(render_table(header, counts), nl=False)
