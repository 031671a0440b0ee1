"""``edgekit features``: list, show, verify, plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar


@click.group(name="features", help="Describe, compute and verify audio front-ends.")
def command() -> None:
    """Group of the front-end commands."""


@command.command(name="list", epilog=examples("edgekit features list"))
@FORMAT
def list_command(form: str) -> None:
    """List the published front-ends by name."""
    from edgekit.features.presets import PRESETS
    from edgekit.report.table import render_table

    if form == "json":
        rows = [{"name": name, "digest": s.digest, "spec": s.to_json()} for name, s in PRESETS.items()]
        echo_json({"presets": rows})
        return
    columns = ("name", "kind", ">rate, Hz", ">window", ">n_fft", ">hop", ">mel bins", "input")
    table = [
        (
            name,
            s.kind,
            *(f"{v:,}" for v in (s.sample_rate, s.window_length, s.n_fft, s.hop_length, s.mel_bins)),
            f"{s.feature_shape[0]}×{s.feature_shape[1]} {s.layout}",
        )
        for name, s in PRESETS.items()
    ]
    click.echo(render_table(columns, table), nl=False)


@command.command(epilog=examples("edgekit features show kws-mfcc-49x10"))
@click.argument("spec")
@FORMAT
def show(spec: str, form: str) -> None:
    """Print all fields of SPEC (preset, .json, run or model folder) and what follows from them."""
    from edgekit.api.features import describe_spec
    from edgekit.features.spec_file import load_spec

    found = describe_spec(load_spec(spec))
    if form == "json":
        echo_json(found)
        return
    for key, value in found["spec"].items():
        click.echo(f"{key:<18} {_plain(value)}")
    click.echo()
    for key in ("input_shape", "frames", "bins", "empty_mel_bins", "c_state_bytes", "c_table_bytes", "digest"):
        click.echo(f"{key:<18} {_plain(found[key])}")


@command.command(
    short_help="Compare torch and the generated C with the reference; exit 1 over a tolerance.",
    epilog=examples("edgekit features verify kws-mfcc-49x10 --data words"),
)
@click.argument("spec")
@click.option("--data", metavar="MANIFEST", help="Data set to compare on.  [default: synthetic signals]")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many clips, evenly spread.")
@click.option(
    "--implementation",
    "implementations",
    type=click.Choice(["torch", "c"]),
    multiple=True,
    help="What to compare with the reference (a scalogram has no C). Repeatable.  [default: both]",
)
@FORMAT
def verify(spec: str, data: str | None, limit: int | None, implementations: tuple[str, ...], form: str) -> None:
    """Compare torch and the generated C with the numpy reference of SPEC; exit 1 when a tolerance is exceeded.

    Tolerances in natural-log units: torch 1e-4, C 1e-3; 99.9 % of the int8 model inputs equal and the rest off by one.
    """
    from edgekit.api.verify_features import FeatureReport, verify_features

    with progress_bar() as progress:
        found: FeatureReport = verify_features(
            spec, data, implementations=implementations or None, limit=limit, progress=progress
        )
    if form == "json":
        echo_json(found.to_json())
    else:
        _print_report(found)
    raise click.exceptions.Exit(found.exit_code)


@command.command(epilog=examples("edgekit features plot kws-mfcc-49x10 recording.wav -o features.png"))
@click.argument("spec")
@click.argument("audio", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", "output", required=True, type=click.Path(path_type=Path, dir_okay=False), help=".png, .svg, .pdf"
)
def plot(spec: str, audio: Path, output: Path) -> None:
    """Draw the features of the recording AUDIO as SPEC computes them."""
    from edgekit.api.features import plot_features

    plot_features(spec, audio, output)
    click.echo(str(output))


def _print_report(found: Any) -> None:
    from edgekit.report.table import render_table

    rows = [
        (
            c.implementation,
            f"{c.max_difference:.2e}",
            f"{c.tolerance:.0e}",
            f"{c.mean_difference:.2e}",
            f"{100 * c.int8_equal:.4f} %",
            str(c.int8_steps),
            "pass" if c.passed else "fail",
            c.worst_clip,
        )
        for c in found.comparisons
    ]
    columns = ("", ">max", ">limit", ">mean", ">int8 equal", ">off by", "", "worst clip")
    left_out = f", {found.rejected:,} left out" if found.rejected else ""
    title = (
        f"{found.source}, {found.comparisons[0].clips:,} clips{left_out}; differences from numpy in natural-log units"
    )
    click.echo(render_table(columns, rows, title), nl=False)


def _plain(value: object) -> str:
    return "-" if value is None else json.dumps(value) if isinstance(value, bool | list) else str(value)
