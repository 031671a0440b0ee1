"""``edgekit bench MODEL… --target T…``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.firmware_options import FRONTEND, IDENTITY, OPTIMIZE, SSH_OPTION, SSH_PORT
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar

if TYPE_CHECKING:
    from edgekit.core.measurement import Measurement

DEFAULT_TARGETS = ("cpu", "cortex-m4")
_TARGETS = (
    "cpu, cuda, rpi3 … rpi5, linux, cortex-m0 … cortex-m55 or a board, ethos-u55-128 …; repeatable.  [cpu, cortex-m4]"
)


@click.command(
    "bench",
    epilog=examples(
        "edgekit bench model.tflite --target cpu --target cortex-m4",
        "edgekit bench model.tflite --target rpi4 --host pi@raspberrypi.local",
    ),
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL…", type=click.Path(path_type=Path))
@click.option("--target", "targets", metavar="TARGET", multiple=True, help=_TARGETS)
@FRONTEND
@click.option("--clips", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Inputs compared.")
@click.option("--data", metavar="DATA", help="Data set or .npz of features for the inputs.  [default: random ones]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random inputs.")
@OPTIMIZE
@click.option(
    "--runner",
    "runners",
    multiple=True,
    help="On cpu and cuda: c, onnxruntime, litert, torch, torch-compiled; repeatable.  [what is installed]",
)
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="Of each runtime on cpu.")
@click.option(
    "--host", metavar="USER@NAME", help="Raspberry Pi or other Linux machine that rpi… and linux run on (SSH)."
)
@SSH_PORT
@IDENTITY
@SSH_OPTION
@click.option("--serial", metavar="DEVICE", help="Board that cortex-m… targets are measured on: /dev/ttyACM0.")
@click.option("--baud", type=click.IntRange(1200, 12_000_000), default=115_200, show_default=True, help="Of --serial.")
@click.option(
    "--flash-command", default="", show_default=False, help='Flashes the board: "pyocd flash -t nrf52840 {elf}".'
)
@click.option("--project", default="cortex-m-serial", show_default=True, help="Firmware project for --serial.")
@click.option("--pair", is_flag=True, help="Two MODELs in turns on this machine: is the second slower?")
@FORMAT
def command(
    models: tuple[Path, ...],
    targets: tuple[str, ...],
    frontend: str | None,
    clips: int,
    data: str | None,
    seed: int,
    optimize: str,
    runners: tuple[str, ...],
    threads: int,
    host: str | None,
    ssh_port: int | None,
    identity: Path | None,
    ssh_options: tuple[str, ...],
    serial: str | None,
    baud: int,
    flash_command: str,
    project: str,
    pair: bool,
    form: str,
) -> None:
    """Run MODELs on targets or emulators and measure them.

    int8 MODELs (.tflite, QDQ .onnx) run everywhere; runs and float .onnx files on cpu and cuda. Outputs are compared
    with the reference first. Exit code 0: equal everywhere; 1: somewhere not; 2: something could not be run.
    """
    if pair:
        _pair(models, runners, optimize, form)
        return
    from edgekit.api.bench import bench
    from edgekit.bench.on_board import SerialOptions
    from edgekit.bench.ssh import Host

    far = None if host is None else Host(host, ssh_port, identity, ssh_options)
    board = None if serial is None else SerialOptions(serial, baud, flash_command, project)
    with progress_bar() as progress:
        found = bench(
            models, targets or DEFAULT_TARGETS, frontend=frontend, clips=clips, seed=seed, optimize=optimize, data=data,
            runners=runners or None, threads=threads, host=far, serial=board,
            progress=progress,
        )  # fmt: skip
    if form == "json":
        echo_json({"results": [item.to_json() for item in found]})
    else:
        from edgekit.report.measurements import measurement_table

        click.echo(measurement_table(found), nl=False)
    raise click.exceptions.Exit(exit_code(found))


def _pair(models: tuple[Path, ...], runners: tuple[str, ...], optimize: str, form: str) -> None:
    from edgekit.api.bench_pair import bench_pair

    if len(models) != 2 or len(runners) > 1:
        raise click.UsageError("--pair takes two models and at most one runner")
    found = bench_pair(*models, runner=runners[0] if runners else "c", optimize=optimize)
    if form == "json":
        row = {"ratio": found.ratio, "low": found.low, "high": found.high, "verdict": found.verdict}
        echo_json({"models": [str(model) for model in models], **row})
        return
    interval = f"{found.low:.3f} to {found.high:.3f}, {found.rounds} rounds"
    click.echo(f"{models[1]} takes {found.ratio:.3f} times the processor time of {models[0]} ({interval})")
    click.echo(found.verdict)


def exit_code(found: list[Measurement]) -> int:
    """1 where outputs are others, else 2 where something could not be run, else 0."""
    troubled = [item for item in found if item.problem]
    if any(item.label_agreement is not None for item in troubled):
        return 1
    return 2 if troubled else 0
