"""``edgekit quantize MODEL.onnx --calib MANIFEST|X.npz -o OUT.tflite``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.api.qat import QatOptions


@click.command(
    "quantize",
    epilog=examples(
        "edgekit quantize exported/model.onnx --calib words -o model.tflite",
        "edgekit quantize exported/model.onnx --calib words --qat run -o model.tflite",
    ),
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calib", required=True, metavar="MANIFEST|X.npz", help="Recordings, or features as .npz.")
@click.option("--select", help='Clips to calibrate with, e.g. "fold=1,2". Default: split=train, where there is one.')
@click.option("--clips", type=int, help="Most clips to calibrate with.  [default: 512 of a data set]")
@click.option(
    "--method",
    type=click.Choice(["ptq", "nncf", "ort"]),
    default="ptq",
    show_default=True,
    help="Who quantizes: edgekit, NNCF or ONNX Runtime.",
)
@click.option(
    "--observer",
    type=click.Choice(["auto", "mse", "percentile", "minmax", "each", "entropy"]),
    default="auto",
    show_default=True,
    help="What decides activation ranges; each: the best for each; auto: what gives the least error of the logits.",
)
@click.option("--per-channel-dense", is_flag=True, help="One weight scale an output of fully connected layers too.")
@click.option(
    "--bias-correction/--no-bias-correction",
    default=True,
    show_default=True,
    help="Take the mean error of rounded weights out of the biases.",
)
@click.option(
    "--compensate/--no-compensate",
    default=True,
    show_default=True,
    help="Let weights not yet rounded take up the error of those that are.",
)
@click.option("--equalise", is_flag=True, help="Even out the weights of neighbouring layers first.")
@click.option("--adaround", is_flag=True, help="Round weights by what becomes of their layer's outputs (needs torch).")
@click.option("--prune", metavar="SHARE", help='Remove this share of the channels, "25 %"; needs --qat.')
@click.option("--cluster", type=click.IntRange(3, 128), help="Let a layer's weights have so many different values.")
@click.option(
    "--weights",
    type=click.Choice(["int8", "int4"]),
    default="int8",
    show_default=True,
    help="int4: weights of 15 steps, a scale an output channel; files hold them as int8, the C two a byte.",
)
@click.option(
    "--widths",
    type=click.Choice(["auto", "none", "norms", "attention", "all"]),
    default="auto",
    show_default=True,
    help="What computes in int16 instead of int8; auto: as little as keeps the logits near; with --qat: norms.",
)
@click.option(
    "--mixed-ram", metavar="BYTES", help='Compute in int16 where int8 costs most, up to this planned RAM: "64 kB".'
)
@click.option("--qat", type=click.Path(path_type=Path), help="Train on, fake-quantized, by the recipe of this run.")
@click.option("--data", "data", multiple=True, help="With --qat: recordings to train with.  [default: --calib]")
@click.option("--train", "train_select", help="With --qat: training clips.  [default: --select]")
@click.option("--valid", help='With --qat: validation clips; "none". Default: split=validation, where there is one.')
@click.option(
    "--teacher", "teachers", multiple=True, type=click.Path(path_type=Path), help="With --qat: as in distill."
)
@click.option("--epochs", default=24, show_default=True, type=click.IntRange(1), help="With --qat: how long.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="With --qat: change the recipe.")
@click.option("--device", default="auto", show_default=True, help="With --qat: auto, cpu or cuda.")
@click.option("--sensitivity", is_flag=True, help="Measure every layer; draws OUT.sensitivity.svg.")
@click.option("--eval", "test", metavar="MANIFEST", help="Recordings to measure the accuracy drop on.")
@click.option("--eval-select", help="Which of them. Default: split=test, where there is one.")
@click.option("--budget", "budgets", multiple=True, help="Budget that the result must keep; exit 1 if it does not.")
@click.option("--report", type=click.Path(path_type=Path), help="HTML page to write; needs --eval.")
@click.option(
    "--allow-float", is_flag=True, help="Where operators have no integer form: leave them, write a QDQ ONNX alone."
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
    method: str,
    observer: str,
    per_channel_dense: bool,
    bias_correction: bool,
    compensate: bool,
    equalise: bool,
    adaround: bool,
    prune: str | None,
    cluster: int | None,
    weights: str,
    widths: str,
    mixed_ram: str | None,
    qat: Path | None,
    data: tuple[str, ...],
    train_select: str | None,
    valid: str | None,
    teachers: tuple[Path, ...],
    epochs: int,
    overrides: tuple[str, ...],
    device: str,
    sensitivity: bool,
    test: str | None,
    eval_select: str | None,
    budgets: tuple[str, ...],
    report: Path | None,
    allow_float: bool,
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
    from edgekit.core.units import parse_count, parse_ratio
    from edgekit.quantize.ptq import PtqOptions

    training = None
    if qat is not None:
        training = _qat_options(
            qat, out, data or (calib,), train_select or select, valid, teachers, epochs, overrides, device
        )
    elif data or train_select or valid or teachers or overrides:
        raise click.UsageError("--data, --train, --valid, --teacher and --set belong to --qat.")
    ptq = PtqOptions(
        observer=observer,
        per_channel_dense=per_channel_dense,
        bias_correction=bias_correction,
        compensate=compensate,
        equalise=equalise,
        adaround=adaround,
        widths=widths,
        cluster=cluster,
        weights=weights,
        prune=None if prune is None else parse_ratio(prune, where="--prune"),
    )
    with progress_bar() as progress, _leaving_float(allow_float, model, calib, out, dims, form):
        result = quantize(
            model,
            calib,
            out,
            select=select,
            clips=clips,
            method=method,  # type: ignore[arg-type]
            ptq=None if ptq == PtqOptions(widths="auto") else ptq,
            mixed_ram=None if mixed_ram is None else parse_count(mixed_ram, "B", where="--mixed-ram"),
            qat=training,
            sensitivity=sensitivity,
            test=HeldOut(test, eval_select) if test is not None else None,
            budgets=budgets,
            report=report,
            frontend=frontend,
            dims=parse_dims(dims),
            progress=progress,
        )
    if form == "json":
        click.echo(json.dumps({"schema_version": 1, **result.to_json()}, indent=2, allow_nan=False))
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
            click.echo(json.dumps({"schema_version": 1, **result.to_json()}, indent=2, allow_nan=False))
        else:
            click.echo(f"wrote {result.qdq}, for ONNX Runtime alone")
            for item in result.left:
                click.echo(f"left in float    {item}")
        raise click.exceptions.Exit(0) from error


def _qat_options(
    run: Path,
    out: Path,
    data: tuple[str, ...],
    train: str | None,
    valid: str | None,
    teachers: tuple[Path, ...],
    epochs: int,
    overrides: tuple[str, ...],
    device: str,
) -> QatOptions:
    from edgekit.api.qat import QatOptions

    if any(Path(item).suffix == ".npz" for item in data):
        raise click.UsageError("--qat trains on recordings: name them with --data.")
    return QatOptions(
        run=run,
        folder=out.with_suffix(".qat"),
        data=list(data),
        train=train,
        valid=valid,
        teachers=teachers,
        epochs=epochs,
        overrides=overrides,
        device=device,
    )
