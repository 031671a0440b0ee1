"""``edgekit bench MODEL… --target T…``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.core.measurement import Measurement
    from edgekit.core.quantity import Quantity


@click.command("bench")
@click.argument("models", nargs=-1, required=True, metavar="MODEL…", type=click.Path(path_type=Path))
@click.option("--target", "targets", multiple=True, help="cpu or cortex-m0 … cortex-m55; repeatable.  [cpu, cortex-m4]")
@click.option("--frontend", metavar="SPEC", help='Preset or frontend.json; default: the model\'s own; "none": without.')
@click.option("--clips", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Inputs compared.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random inputs.")
@click.option(
    "--optimize",
    type=click.Choice(["size", "speed", "balanced"]),
    default="balanced",
    show_default=True,
    help="What kernels and compiler flags are chosen for, as in compile.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    models: tuple[Path, ...],
    targets: tuple[str, ...],
    frontend: str | None,
    clips: int,
    seed: int,
    optimize: str,
    form: str,
) -> None:
    """Run int8 MODELs on targets or emulators and measure them.

    Outputs are compared with the integer interpreter first. Exit code 0: equal everywhere; 1: somewhere not.
    """
    from edgekit.api.bench import bench

    with progress_bar() as progress:
        found = bench(
            models, targets or ("cpu", "cortex-m4"), frontend=frontend, clips=clips, seed=seed, optimize=optimize,
            progress=progress,
        )  # fmt: skip
    if form == "json":
        import json

        results = {"schema_version": 1, "results": [item.to_json() for item in found]}
        click.echo(json.dumps(results, indent=2, allow_nan=False))
    else:
        click.echo(_text(found), nl=False)
    raise click.exceptions.Exit(0 if all(item.outputs_equal for item in found) else 1)


def _text(found: list[Measurement]) -> str:
    from edgekit.report.table import render_table

    columns = ("model", "target", "outputs", ">instructions", ">flash B", ">RAM B", ">stack B", ">p50 ms", "runner")
    rows = [
        (
            item.model,
            item.target,
            "equal" if item.outputs_equal else "DIFFER",
            _cell(item.instructions),
            _cell(item.flash),
            _cell(item.ram),
            _cell(item.stack),
            _cell(item.latency_ms["p50"] if item.latency_ms else None),
            item.runner,
        )
        for item in found
    ]
    return render_table(columns, rows)


def _cell(quantity: Quantity | None) -> str:
    if quantity is None:
        return "–"
    return f"{quantity.value:,}" if isinstance(quantity.value, int) else f"{quantity.value:.3f}"
