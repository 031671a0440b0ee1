"""``edgekit diff BASE HEAD``."""

from __future__ import annotations

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import format_option
from edgekit.core.errors import BadConfigError


@click.command("diff", epilog=examples("edgekit diff before.onnx after.onnx --max-increase macs=5%"))
@click.argument("base")
@click.argument("head")
@click.option("--budget", "budgets", multiple=True, metavar="NAME|FILE", help="Judge the head against it. Repeatable.")
@click.option(
    "--max-increase", "bounds", multiple=True, metavar="COUNT=BOUND", help="macs=5%, parameter_bytes=2kB. Repeatable."
)
@click.option("--frontend", metavar="SPEC", help="Preset or frontend.json of both models.")
@click.option("--counting", type=click.Choice(["true", "dcase"]), help="Counting convention of bytes and MACs.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=INT", help="Size of an unknown dimension. Repeatable.")
@click.option(
    "--measured", multiple=True, metavar="KEY=VALUE", help="Measurement of the head: accuracy=0.91. Repeatable."
)
@format_option("text", "json", "markdown")
def command(
    base: str,
    head: str,
    budgets: tuple[str, ...],
    bounds: tuple[str, ...],
    frontend: str | None,
    counting: str | None,
    dims: tuple[str, ...],
    measured: tuple[str, ...],
    form: str,
) -> None:
    """Compare two models, or two folders of them: counts side by side and the layers that changed.

    Exit code 0: within every bound and budget given; 1: over one; 2: undecided, or a model or option is wrong.
    """
    from edgekit.api.diff import diff
    from edgekit.cli.check_budget import parse_dims, parse_measured
    from edgekit.report.diff import render_comparison

    comparison = diff(
        base,
        head,
        budgets,
        max_increase=parse_increases(bounds),
        frontend=frontend,
        counting=counting,
        dims=parse_dims(dims),
        measured=parse_measured(measured),
    )
    click.echo(render_comparison(comparison, form), nl=False)
    raise click.exceptions.Exit(comparison.exit_code)


def parse_increases(texts: tuple[str, ...]) -> dict[str, str]:
    """``("macs=5%,flash=1kB",)`` as a dictionary.

    Raises:
        BadConfigError: no ``COUNT=BOUND``.
    """
    bounds: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        key, _, bound = part.partition("=")
        if not key or not bound:
            mend = "write for instance --max-increase macs=5%"
            raise BadConfigError(f"{part!r} is not COUNT=BOUND", where="--max-increase", mend=mend)
        bounds[key.strip()] = bound.strip()
    return bounds
