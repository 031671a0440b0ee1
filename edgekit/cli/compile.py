"""``edgekit compile MODEL --target T -o DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.firmware_options import FRONTEND, NAME, OPTIMIZE, SOURCES_ONLY, TOOLCHAIN
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.quantize_options import ROUNDING

if TYPE_CHECKING:
    from edgekit.api.compile import CompileResult


@click.command(
    "compile",
    epilog=examples(
        "edgekit compile model.tflite --target cortex-m4 -o firmware",
        'edgekit compile model.tflite --target nrf52840-dk --project zephyr --max-ram "48 kB" -o firmware',
    ),
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--target",
    metavar="TARGET",
    required=True,
    help="cortex-m0, m3, m4, m7, m33 or m55, a board of 'edgekit budget list', rpi3 … rpi5 or cpu.",
)
@FRONTEND
@click.option("--project", metavar="NAME|DIR", help="Folder of firmware_stubs that the C drops into.")
@NAME
@TOOLCHAIN
@OPTIMIZE
@click.option("--max-ram", metavar="BYTES", help='Static RAM at most, as "48 kB"; layers run by rows to keep it.')
@click.option("--max-flash", metavar="BYTES", help='Flash at most, as "100 kB"; kernels are chosen to keep it.')
@ROUNDING
@SOURCES_ONLY
@click.option(
    "-o", "--out", "output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to fill."
)
@FORMAT
def command(
    model: Path,
    target: str,
    frontend: str | None,
    project: str | None,
    name: str | None,
    toolchain: str | None,
    optimize: str,
    max_ram: str | None,
    max_flash: str | None,
    rounding: str | None,
    sources_only: bool,
    output: Path,
    form: str,
) -> None:
    """Generate C for a target from an int8 MODEL, front-end included, and build it."""
    from edgekit.api.compile import compile as compile_model
    from edgekit.core.units import parse_count

    limits = {
        "max_ram": parse_count(max_ram, "B", where="--max-ram") if max_ram is not None else None,
        "max_flash": parse_count(max_flash, "B", where="--max-flash") if max_flash is not None else None,
    }
    result = compile_model(
        model, target, out=output, frontend=frontend, name=name, project=project, toolchain=toolchain,
        build=not sources_only, optimize=optimize, rounding=rounding, **limits,
    )  # fmt: skip
    if result.image is not None and result.image.warnings:
        click.echo(result.image.warnings.rstrip(), err=True)
    if form == "json":
        echo_json(result.to_json())
        return
    click.echo(_text(result), nl=False)


def _text(result: CompileResult) -> str:
    from edgekit.report.table import render_table
    from edgekit.report.timeline import timeline_text

    manifest, sizes = result.manifest, result.sizes
    rows = [
        ("arena (activations)", f"{manifest['arena_bytes']:,} B", "planned"),
        ("front-end", "compiled in" if result.sources.has_frontend else "none", manifest["frontend_digest"] or ""),
    ]
    if sizes is not None:
        board = result.target.memory
        rows += [
            ("flash", f"{sizes.flash:,} B", f"of {board.flash.size:,} B on {board.name}"),
            ("RAM", f"{sizes.ram:,} B", f"of {board.ram.size:,} B, and {sizes.stack_reserved:,} B kept for the stack"),
        ]
    if result.stack_bound is not None:
        rows.append(("stack", f"{result.stack_bound:,} B at most", "computed from the image's calls"))
    if result.image is not None:
        rows.append(("image", str(result.image.path), result.image.toolchain))
    title = f"{result.model.name} for {result.target.name} in {result.folder}"
    memory = timeline_text(manifest["memory_timeline"], manifest["arena_bytes"], "memory, step by step")
    return render_table(("", "", ""), rows, title) + "\n" + memory
