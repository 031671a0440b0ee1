"""Two groups of options of ``edgekit quantize``: how numbers are chosen, and how the model is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.gather import gather

if TYPE_CHECKING:
    from edgekit.api.qat import QatOptions
    from edgekit.quantize.ptq import PtqOptions


def _ptq(
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
) -> PtqOptions | None:
    """None where all is as it is without options."""
    from edgekit.core.units import parse_ratio
    from edgekit.quantize.ptq import PtqOptions

    options = PtqOptions(
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
    return None if options == PtqOptions(widths="auto") else options


PTQ = gather(
    "ptq",
    _ptq,
    (
        click.option(
            "--observer",
            type=click.Choice(["auto", "mse", "percentile", "minmax", "each", "entropy"]),
            default="auto",
            show_default=True,
            help="What decides activation ranges; each: the best for each; auto: what gives the logits least error.",
        ),
        click.option(
            "--per-channel-dense", is_flag=True, help="One weight scale an output of fully connected layers too."
        ),
        click.option(
            "--bias-correction/--no-bias-correction",
            default=True,
            show_default=True,
            help="Take the mean error of rounded weights out of the biases.",
        ),
        click.option(
            "--compensate/--no-compensate",
            default=True,
            show_default=True,
            help="Let weights not yet rounded take up the error of those that are.",
        ),
        click.option("--equalise", is_flag=True, help="Even out the weights of neighbouring layers first."),
        click.option(
            "--adaround", is_flag=True, help="Round weights by what becomes of their layer's outputs (needs torch)."
        ),
        click.option("--prune", metavar="SHARE", help='Remove this share of the channels, "25 %"; needs --qat.'),
        click.option(
            "--cluster", type=click.IntRange(3, 128), help="Let a layer's weights have so many different values."
        ),
        click.option(
            "--weights",
            type=click.Choice(["int8", "int4"]),
            default="int8",
            show_default=True,
            help="int4: weights of 15 steps, a scale an output channel; files hold them as int8, the C two a byte.",
        ),
        click.option(
            "--widths",
            type=click.Choice(["auto", "none", "norms", "attention", "all"]),
            default="auto",
            show_default=True,
            help="What computes in int16 instead of int8; auto: as little as keeps the logits near; with --qat: norms.",
        ),
    ),
)


ROUNDING = click.option(
    "--rounding",
    type=click.Choice(["twice", "once"]),
    help="How sums are rescaled: twice has the bytes of stock TFLM; once is nearer to ONNX Runtime, "
    "but only a TFLM built with TFLITE_SINGLE_ROUNDING agrees.  [default: as MODEL says, else twice]",
)


@dataclass(frozen=True)
class Training:
    """What the options say of training on; ``run`` None: nothing is trained.

    Raises:
        UsageError: settings of a training that is not asked for.
    """

    run: Path | None
    data: tuple[str, ...]
    train: str | None
    valid: str | None
    teachers: tuple[Path, ...]
    epochs: int
    overrides: tuple[str, ...]
    device: str

    def __post_init__(self) -> None:
        if self.run is None and (self.data or self.train or self.valid or self.teachers or self.overrides):
            raise click.UsageError("--data, --train, --valid, --teacher and --set belong to --qat.")

    def options(self, calib: str, select: str | None, out: Path) -> QatOptions | None:
        """For the model ``out``, by default on the recordings that it is calibrated with.

        Raises:
            UsageError: features, which cannot be augmented.
        """
        from edgekit.api.qat import QatOptions

        if self.run is None:
            return None
        data = self.data or (calib,)
        if any(Path(item).suffix == ".npz" for item in data):
            raise click.UsageError("--qat trains on recordings: name them with --data.")
        return QatOptions(
            run=self.run,
            folder=out.with_suffix(".qat"),
            data=list(data),
            train=self.train or select,
            valid=self.valid,
            teachers=self.teachers,
            epochs=self.epochs,
            overrides=self.overrides,
            device=self.device,
        )


TRAINING = gather(
    "training",
    Training,
    (
        click.option(
            "--qat",
            "run",
            type=click.Path(path_type=Path),
            help="Train on, fake-quantized, by the recipe of this run.",
        ),
        click.option(
            "--data",
            "data",
            multiple=True,
            help="With --qat: recordings to train with. Repeatable.  [default: --calib]",
        ),
        click.option("--train", metavar="SELECTION", help="With --qat: training clips.  [default: --select]"),
        click.option(
            "--valid",
            metavar="SELECTION",
            help='With --qat: validation clips; "none".  [default: split=validation, where there is one]',
        ),
        click.option(
            "--teacher",
            "teachers",
            multiple=True,
            type=click.Path(path_type=Path),
            help="With --qat: as in distill. Repeatable.",
        ),
        click.option("--epochs", default=24, show_default=True, type=click.IntRange(1), help="With --qat: how long."),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="With --qat: change the recipe. Repeatable."
        ),
        click.option("--device", default="auto", show_default=True, help="With --qat: auto, cpu or cuda."),
    ),
)
