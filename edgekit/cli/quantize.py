"""``edgekit quantize MODEL.onnx --calib MANIFEST|X.npz -o OUT.tflite``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.api.quantize import QuantizeResult


@click.command("quantize")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calib", required=True, metavar="MANIFEST|X.npz", help="Recordings, or features as .npz.")
@click.option("--select", help='Clips to calibrate with, e.g. "fold=1,2". Default: split=train, where there is one.')
@click.option("--clips", type=int, help="Most clips to calibrate with.  [default: 512 of a data set]")
@click.option(
    "--observer",
    type=click.Choice(["mse", "percentile", "minmax"]),
    default="mse",
    show_default=True,
    help="What decides activation ranges.",
)
@click.option("--per-channel-dense", is_flag=True, help="One weight scale an output of fully connected layers too.")
@click.option(
    "--bias-correction/--no-bias-correction",
    default=True,
    show_default=True,
    help="Take the mean error of rounded weights out of the biases.",
)
@click.option("--frontend", help="Preset or frontend.json, for a model that names none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=INT", help="Size of an unknown dimension.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="TFLite file to write.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    model: Path,
    calib: str,
    select: str | None,
    clips: int | None,
    observer: str,
    per_channel_dense: bool,
    bias_correction: bool,
    frontend: str | None,
    dims: tuple[str, ...],
    out: Path,
    form: str,
) -> None:
    """Make the float model MODEL integer-only: OUT.tflite, and OUT.qdq.onnx beside it."""
    from edgekit.api.quantize import quantize
    from edgekit.cli.check_budget import parse_dims

    with progress_bar() as progress:
        result = quantize(
            model,
            calib,
            out,
            select=select,
            clips=clips,
            observer=observer,
            per_channel_dense=per_channel_dense,
            bias_correction=bias_correction,
            frontend=frontend,
            dims=parse_dims(dims),
            progress=progress,
        )
    if form == "json":
        click.echo(json.dumps({"schema_version": 1, **result.to_json()}, indent=2, allow_nan=False))
    else:
        _print(result)


def _print(result: QuantizeResult) -> None:
    difference = result.difference
    operators = ", ".join(f"{count} {name}" for name, count in result.operators.items())
    click.echo(f"wrote {result.tflite} and {result.qdq}")
    click.echo(f"operators        {operators}; none in float")
    click.echo(f"constants        {result.constant_bytes:,} B (int8 weights, int32 biases)")
    click.echo(f"calibration      {result.calibration_clips:,} clips, {result.observer}")
    click.echo(f"input            scale {result.input_scale:.6g}, zero point {result.input_zero_point}")
    click.echo(
        f"against float    max error {difference.max_error:.4f}, rms {difference.rms_error:.4f} of a range of "
        f"{difference.output_range:.2f}; same label on {difference.label_agreement:.2%} of the calibration clips"
    )
