"""``edgekit eval``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.evaluation_options import DEVICE, LABELS, SELECT, TRAINED_ON
from edgekit.cli.examples import examples
from edgekit.cli.formats import echo_json, format_option
from edgekit.cli.progress import progress_bar


@click.command(
    "eval",
    epilog=examples(
        "edgekit eval run --data words",
        "edgekit eval run model.tflite --compare run model.tflite --data words -o page.html",
    ),
)
@click.argument("models", nargs=-1, metavar="RUN|MODEL…", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "data",
    metavar="DATA",
    required=True,
    help="Data set: a CSV manifest or a folder; KIND:PATH names its kind.",
)
@SELECT
@TRAINED_ON
@click.option(
    "--compare",
    type=(click.Path(path_type=Path), click.Path(path_type=Path)),
    multiple=True,
    metavar="A B",
    help="Say what changes from A to B, with paired intervals. Repeatable.",
)
@click.option("--mean", is_flag=True, help="Evaluate the mean of all models' logits as well (an ensemble).")
@click.option("--costs", is_flag=True, help="Count memory and MACs too, for 'edgekit budget rank'.")
@click.option("--frontend", metavar="SPEC", help="Preset or frontend.json; must be the one the model was made for.")
@LABELS
@DEVICE
@click.option("--predictions", type=click.Path(path_type=Path), help="Write one CSV row a clip (one model).")
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Draw the confusion matrix (.png, .svg, .pdf; one model)."
)
@click.option("--hop-ms", type=float, help="Step between the windows heard of a longer clip; 0 hears its start only.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap's draws.")
@format_option("text", "json", "markdown")
@click.option("-o", "--out", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write a page (.html).")
def command(
    models: tuple[Path, ...],
    data: str,
    select: str | None,
    trained_on: str | None,
    compare: tuple[tuple[Path, Path], ...],
    mean: bool,
    costs: bool,
    frontend: str | None,
    labels: Path | None,
    device: str,
    predictions: Path | None,
    plot: Path | None,
    hop_ms: float | None,
    seed: int,
    form: str,
    page: Path | None,
) -> None:
    """Scores with intervals, calibration, tables by group, and comparisons of runs, .onnx and .tflite files.

    Differences of --compare are B − A; 95 % intervals are bootstrapped over clips, and over speakers or sources where
    the data set names them.
    """
    from edgekit.api.evaluate import evaluate_models
    from edgekit.report.evaluation_text import evaluation_markdown, evaluation_text

    with progress_bar() as progress:
        result = evaluate_models(
            models,
            data,
            compare=compare,
            mean=mean,
            costs=costs,
            page=page,
            seed=seed,
            select=select,
            trained_on=trained_on,
            frontend=frontend,
            labels=labels,
            device=device,
            predictions=predictions,
            plot=plot,
            hop_ms=hop_ms,
            progress=progress,
        )
    if form == "json":
        echo_json(result.to_json())
    else:
        render = evaluation_markdown if form == "markdown" else evaluation_text
        click.echo(render(result.to_json()), nl=False)
