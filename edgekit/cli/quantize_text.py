"""What ``edgekit quantize`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgekit.api.quantize import QuantizeResult


def print_result(result: QuantizeResult) -> None:
    """The files, what they hold, and how far they are from the float model."""
    from edgekit.report.table import render_table

    difference = result.difference
    operators = ", ".join(f"{count} {name}" for name, count in result.operators.items())
    click.echo(f"wrote {result.tflite}" + (f" and {result.qdq}" if result.qdq else ""))
    for path in result.further:
        click.echo(f"wrote {path}")
    click.echo(f"operators        {operators}; none in float, {result.wide} in int16")
    if result.rounding != "twice":
        told = "the bytes of a TFLM built with TFLITE_SINGLE_ROUNDING, no others"
        click.echo(f"rounding         {result.rounding}: {told}")
    click.echo(f"constants        {result.constant_bytes:,} B (int8 weights, int32 biases)")
    click.echo(f"calibration      {result.calibration_clips:,} clips, {result.observer or result.method}")
    click.echo(f"input            scale {result.input_scale:.6g}, zero point {result.input_zero_point}")
    click.echo(
        f"against float    max error {difference.max_error:.4f}, rms {difference.rms_error:.4f} of a range of "
        f"{difference.output_range:.2f}; same label on {difference.label_agreement:.2%} of the calibration clips"
    )
    if result.accuracy is not None:
        from edgekit.api.quantize_page import drop_rows

        for what, value in drop_rows(result.accuracy):
            click.echo(f"{what}: {value}")
    if result.sensitivity:
        from edgekit.api.quantize_page import SENSITIVITY_HEADER, sensitivity_cells

        click.echo(render_table(SENSITIVITY_HEADER, sensitivity_cells(result.sensitivity)), nl=False)
    if result.verdict is not None:
        from edgekit.report.text import verdict_text

        click.echo(verdict_text(result.verdict), nl=False)
