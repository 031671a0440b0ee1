"""``edgekit report``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.evaluation_options import DEVICE, SELECT, TRAINED_ON
from edgekit.cli.examples import examples
from edgekit.cli.progress import progress_bar


@click.command(
    "report",
    epilog=examples(
        "edgekit report run --int8 model.tflite --data words -o report.html", "edgekit report run -o MODEL_CARD.md"
    ),
)
@click.argument("runs", nargs=-1, metavar="RUN…", type=click.Path(path_type=Path))
@click.option(
    "--compare",
    type=(click.Path(path_type=Path), click.Path(path_type=Path)),
    metavar="A B",
    help="Two runs, and what changes from A to B first.",
)
@click.option(
    "--data", metavar="DATA", help="Recordings to evaluate on: a CSV manifest or a folder; KIND:PATH names its kind."
)
@SELECT
@TRAINED_ON
@click.option(
    "--budget", "budgets", metavar="NAME|FILE", multiple=True, help="Budget, a name or a TOML file; repeatable."
)
@click.option(
    "--int8",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Integer model of each RUN, in their order. Repeatable.",
)
@click.option(
    "--eval", "evaluations", multiple=True, type=click.Path(path_type=Path), help="JSON of 'edgekit eval'. Repeatable."
)
@click.option(
    "--bench", "benches", multiple=True, type=click.Path(path_type=Path), help="JSON of 'edgekit bench'. Repeatable."
)
@click.option("--layer-times", is_flag=True, help="Build the integer model's C for this machine and time its layers.")
@DEVICE
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "json", "model-card"]),
    help="Of the file.  [default: by its name]",
)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
def command(
    runs: tuple[Path, ...],
    compare: tuple[Path, Path] | None,
    data: str | None,
    select: str | None,
    trained_on: str | None,
    budgets: tuple[str, ...],
    int8: tuple[Path, ...],
    evaluations: tuple[Path, ...],
    benches: tuple[Path, ...],
    layer_times: bool,
    device: str,
    form: str | None,
    out: Path | None,
) -> None:
    """One self-contained page about RUNs: run folders, folders of 'edgekit demo', or model files.

    Verdict, accuracy, clips to listen to, layers, memory, targets, provenance. What is missing is said, with what would
    bring it there. Markdown, JSON and a model card (-o MODEL_CARD.md) say the same.
    """
    from edgekit.api.report import report

    with progress_bar() as progress:
        made = report(
            runs,
            out,
            compare=compare,
            data=data,
            select=select,
            trained_on=trained_on,
            budgets=budgets,
            int8=int8,
            evaluations=evaluations,
            benches=benches,
            layer_times=layer_times,
            form=form,
            device=device,
            progress=progress,
        )
    click.echo(f"report: {made.path}" if made.path else made.text, nl=made.path is not None)
