"""``edgekit stream MODEL``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.firmware_options import FRONTEND, NAME, OPTIMIZE, SOURCES_ONLY, TOOLCHAIN
from edgekit.cli.formats import FORMAT, echo_json

if TYPE_CHECKING:
    from edgekit.api.stream import StreamResult
    from edgekit.graph.streaming.step import Recurrent


@click.command(
    "stream", epilog=examples("edgekit stream word.tflite", "edgekit stream word.tflite --target cortex-m4 -o step")
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", "output", type=click.Path(path_type=Path, file_okay=False), help="Folder for the step's files."
)
@click.option("--time", type=click.Choice(["height", "width"]), help="Axis of time.  [default: the front-end's]")
@click.option(
    "--recurrent", type=click.Choice(["carried", "window"]), default="carried", show_default=True,
    help="A GRU's state: from the stream's start on, or anew with every window.",
)  # fmt: skip
@click.option("--target", metavar="TARGET", help="Also its C, built for cortex-m4, cpu, … (int8 models).")
@FRONTEND
@NAME
@TOOLCHAIN
@OPTIMIZE
@SOURCES_ONLY
@FORMAT
def command(
    model: Path,
    output: Path | None,
    time: str | None,
    recurrent: Recurrent,
    target: str | None,
    frontend: str | None,
    name: str | None,
    toolchain: str | None,
    optimize: str,
    sources_only: bool,
    form: str,
) -> None:
    """Say whether MODEL (of windows, or a run folder) streams exactly, and what a hop of it takes.

    With -o, write its step: ONNX and TFLite with state inputs and outputs, and C for --target. Exit 1 where layers
    stand in the way; each is named.
    """
    from edgekit.api.stream import stream

    result = stream(
        model, output, time=time, recurrent=recurrent, target=target, frontend=frontend, name=name, toolchain=toolchain,
        build=not sources_only, optimize=optimize,
    )  # fmt: skip
    if form == "json":
        echo_json(result.to_json())
    else:
        click.echo(_text(result), nl=False)
    if result.form is None:
        raise click.exceptions.Exit(1)


def _text(result: StreamResult) -> str:
    from edgekit.report.table import render_table

    if result.form is None:
        named = [(item.layer, item.op, item.reason, item.mend) for item in result.obstacles]
        columns = ("layer", "operator", "stands in the way: it", "mend")
        return render_table(columns, named, f"{result.model} does not stream")
    form, hop = result.form, f"{result.hop_ms:g} ms" if result.hop_ms is not None else ""
    past = "all frames since the stream's start" if form.since_start else "a window; equal to the model on it"
    rows = [
        ("hop", f"{form.hop} frames", hop),
        ("window", f"{form.window} frames", past),
        ("first valid decision", f"hop {form.warmup}", ""),
        ("state", f"{form.state_bytes:,} B", f"{len(form.states) + len(form.variables)} tensors"),
        ("MACs a frame", f"{result.frame_macs:,.0f}", f"{result.saving:.1f} × fewer than the window's"),
        ("MACs a window", f"{result.window_macs:,}", ""),
    ]
    rows += [("written", str(path), "") for path in result.files]
    return render_table(("", "", ""), rows, f"{result.model.name} streams")
