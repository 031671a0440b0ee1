"""``edgekit check-budget MODEL… --budget NAME|FILE…``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import format_option
from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean
from edgekit.report.formats import FORMATS, render_verdict


@click.command(
    "check-budget",
    epilog=examples(
        "edgekit check-budget model.onnx --budget dcase2024-task1",
        "edgekit check-budget model.tflite --budget nucleo-l4r5zi --frontend kws-mfcc-49x10 --why",
    ),
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option(
    "--budget", "budgets", multiple=True, metavar="NAME|FILE", help="Name of a budget, or a TOML file. Repeatable."
)
@click.option("--frontend", metavar="SPEC", help="Preset or frontend.json whose cost belongs to the model.")
@click.option(
    "--counting", type=click.Choice(["true", "dcase"]), help="Counting convention.  [default: the budget's own]"
)
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=INT",
    help="Size of an unknown dimension: batch=1,time=100. Repeatable.",
)
@click.option(
    "--measured",
    multiple=True,
    metavar="KEY=VALUE",
    help="accuracy=0.91, accuracy_drop=0.01, latency.TARGET=20ms. Repeatable.",
)
@click.option(
    "--tflm", is_flag=True, help="Ask the package tflite-micro for TFLM's own arena (runs TFLM on the model)."
)
@click.option("--why", is_flag=True, help="Show the table of all layers.")
@format_option(*FORMATS)
@click.option(
    "--report", "reports", multiple=True, metavar="FORMAT=FILE", help="Write a report to a file as well. Repeatable."
)
def command(
    models: tuple[str, ...],
    budgets: tuple[str, ...],
    frontend: str | None,
    counting: str | None,
    dims: tuple[str, ...],
    measured: tuple[str, ...],
    tflm: bool,
    why: bool,
    form: str,
    reports: tuple[str, ...],
) -> None:
    """Judge .onnx, .tflite, .pt2 and .safetensors models, or folders of them, against budgets.

    Exit code 0: all within; 1: one is over; 2: undecided, or a model or option is wrong.
    """
    from edgekit.api.check_budget import check_budget
    from edgekit.budget.toml import DEFAULT_BUDGET
    from edgekit.core.files import write_text

    files = parse_reports(reports)
    sizes = parse_dims(dims)
    verdict = check_budget(
        models, budgets, frontend=frontend, counting=counting, dims=sizes, measured=parse_measured(measured), tflm=tflm
    )
    if not budgets:
        click.echo(f"edgekit: no --budget given, judged against {DEFAULT_BUDGET}", err=True)
    if form == "text":
        from edgekit.report.text import unreadable_lines

        for line in unreadable_lines(verdict):
            click.echo(f"edgekit: {line}", err=True)
    click.echo(render_verdict(verdict, form, why), nl=False)
    for name, path in files:
        write_text(path, render_verdict(verdict, name, why))
    raise click.exceptions.Exit(verdict.exit_code)


def parse_dims(texts: tuple[str, ...]) -> dict[str, int]:
    """``("batch=1,time=100",)`` as a dictionary.

    Raises:
        BadConfigError: no ``NAME=INT``, or a size below 1.
    """
    sizes: dict[str, int] = {}
    for part in _parts(texts):
        name, _, size = part.rpartition("=")
        if not name or not size.isascii() or not size.isdigit() or int(size) < 1:
            raise BadConfigError(f"{part!r} is not NAME=INT", where="--dim", mend="write for instance --dim batch=1")
        sizes[name.strip()] = int(size)
    return sizes


def parse_measured(texts: tuple[str, ...]) -> dict[str, float]:
    """``("accuracy=0.91", "latency.cortex-m4=20 ms")`` as shares and milliseconds.

    Raises:
        BadConfigError: an unknown key, or a value that is none.
    """
    from edgekit.budget.limits import LIMITS, TARGETS

    keys = [key for key, kind in LIMITS.items() if kind.measured and key != "latency"]
    keys += [f"latency.{target}" for target in TARGETS]
    values: dict[str, float] = {}
    for part in _parts(texts):
        key, _, value = part.partition("=")
        if key.strip() not in keys:
            raise BadConfigError(f"unknown measurement {key!r}", where="--measured", mend=did_you_mean(key, keys))
        kind = LIMITS[key.strip().split(".")[0]]
        values[key.strip()] = float(kind.parse(value.strip(), where=f"--measured {key}"))
    return values


def parse_reports(texts: tuple[str, ...]) -> list[tuple[str, Path]]:
    """``("sarif=out/budget.sarif",)`` as format and file.

    Raises:
        BadConfigError: no ``FORMAT=FILE``, or an unknown format.
    """
    files = []
    for text in texts:
        form, _, path = text.partition("=")
        if form not in FORMATS or not path:
            mend = f"formats: {', '.join(FORMATS)}; write for instance --report sarif=budget.sarif"
            raise BadConfigError(f"{text!r} is not FORMAT=FILE", where="--report", mend=mend)
        files.append((form, Path(path)))
    return files


def _parts(texts: tuple[str, ...]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]
