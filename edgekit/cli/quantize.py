"""``edgekit quantize MODEL.onnx --calib MANIFEST|X.npz -o OUT.tflite``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar
from edgekit.cli.quantize_options import PTQ, ROUNDING, TRAINING, Training

if TYPE_CHECKING:
    from edgekit.quantize.ptq import PtqOptions


@click.command(
    "quantize",
    epilog=examples(
        "edgekit quantize exported/model.onnx --calib words -o model.tflite",
        "edgekit quantize exported/model.onnx --calib words --qat run -o model.tflite",
    ),
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calib", required=True, metavar="MANIFEST|X.npz", help="Recordings, or features as .npz.")
@click.option(
    "--select",
    metavar="SELECTION",
    help='Clips to calibrate with, e.g. "fold=1,2".  [default: split=train, where there is one]',
)
@click.option("--clips", type=int, help="Most clips to calibrate with.  [default: 512 of a data set]")
@click.option(
    "--method",
    type=click.Choice(["ptq", "nncf", "ort"]),
    default="ptq",
    show_default=True,
    help="Who quantizes: edgekit, NNCF or ONNX Runtime.",
)
@PTQ
@click.option(
    "--mixed-ram", metavar="BYTES", help='Compute in int16 where int8 costs most, up to this planned RAM: "64 kB".'
)
@TRAINING
@click.option("--sensitivity", is_flag=True, help="Measure every layer; draws OUT.sensitivity.svg.")
@click.option("--eval", "test", metavar="MANIFEST", help="Recordings to measure the accuracy drop on.")
@click.option("--eval-select", metavar="SELECTION", help="Which of them.  [default: split=test, where there is one]")
@click.option(
    "--budget",
    "budgets",
    metavar="NAME|FILE",
    multiple=True,
    help="Budget that the result must keep; exit 1 if it does not. Repeatable.",
)
@click.option("--report", type=click.Path(path_type=Path), help="HTML page to write; needs --eval.")
@click.option(
    "--allow-float", is_flag=True, help="Where operators have no integer form: leave them, write a QDQ ONNX alone."
)
@ROUNDING
@click.option("--frontend", metavar="SPEC", help="Preset or frontend.json, for a model that names none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=INT", help="Size of an unknown dimension. Repeatable.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="TFLite file to write.")
@FORMAT
def command(
    model: Path,
    calib: str,
    select: str | None,
    clips: int | None,
    method: str,
    ptq: PtqOptions | None,
    mixed_ram: str | None,
    training: Training,
    sensitivity: bool,
    test: str | None,
    eval_select: str | None,
    budgets: tuple[str, ...],
    report: Path | None,
    allow_float: bool,
    rounding: str | None,
    frontend: str | None,
    dims: tuple[str, ...],
    out: Path,
    form: str,
) -> None:
    """Make the float model MODEL integer-only: OUT.tflite, and OUT.qdq.onnx beside it.

    MODEL is an .onnx, a float .tflite, or with the extra "tensorflow" a .keras file or the folder of a SavedModel. A
    QDQ ONNX of another quantizer keeps its integers and scales.

    With --qat, the fake-quantized model is trained on from there, in the run folder OUT.qat; the same command goes on
    with a training that was interrupted. Exit code 1 says that a budget is not kept.
    """
    from edgekit.api.quantize import HeldOut, quantize
    from edgekit.cli.check_budget import parse_dims
    from edgekit.core.units import parse_count

    with progress_bar() as progress, _leaving_float(allow_float, model, calib, out, dims, form):
        result = quantize(
            model,
            calib,
            out,
            select=select,
            clips=clips,
            method=method,  # type: ignore[arg-type]
            ptq=ptq,
            mixed_ram=None if mixed_ram is None else parse_count(mixed_ram, "B", where="--mixed-ram"),
            qat=training.options(calib, select, out),
            sensitivity=sensitivity,
            test=HeldOut(test, eval_select) if test is not None else None,
            budgets=budgets,
            report=report,
            frontend=frontend,
            dims=parse_dims(dims),
            rounding=rounding,
            progress=progress,
        )
    if form == "json":
        echo_json(result.to_json())
    else:
        from edgekit.cli.quantize_text import print_result

        print_result(result)
    if result.verdict is not None and result.verdict.outcome != "pass":
        raise click.exceptions.Exit(1 if result.verdict.outcome == "fail" else 2)


@contextlib.contextmanager
def _leaving_float(
    allowed: bool, model: Path, calib: str, out: Path, dims: tuple[str, ...], form: str
) -> Iterator[None]:
    """With --allow-float, what cannot become integer throughout is quantized in part, and the command is done."""
    from edgekit.api.float_leftover import StaysFloatError, quantize_partly
    from edgekit.cli.check_budget import parse_dims

    try:
        yield
    except StaysFloatError as error:
        if not allowed:
            raise
        result = quantize_partly(model, calib, out, error.left, parse_dims(dims))
        if form == "json":
            echo_json(result.to_json())
        else:
            click.echo(f"wrote {result.qdq}, for ONNX Runtime alone")
            for item in result.left:
                click.echo(f"left in float    {item}")
        raise click.exceptions.Exit(0) from error
