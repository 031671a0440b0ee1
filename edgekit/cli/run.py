"""``edgekit run``."""

from __future__ import annotations

import json
import shutil
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.evaluation_options import LABELS
from edgekit.cli.examples import examples
from edgekit.cli.firmware_options import IDENTITY, SSH_OPTION, SSH_PORT
from edgekit.cli.formats import echo_json, format_option
from edgekit.cli.run_stream import Far, listen_by_frames

if TYPE_CHECKING:
    from edgekit.api.run import RunOptions
    from edgekit.api.run_hearing import Decision
    from edgekit.core.errors import BadFileError

PIPE = "-"


@click.command(
    "run",
    epilog=examples("edgekit run model.tflite recording.wav", "edgekit run model.tflite --threshold 0.8 --smooth 3"),
)
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.argument("audio", nargs=-1, metavar="[AUDIO…]")
@click.option(
    "--runner", type=click.Choice(["c", "litert"]), help="What computes.  [default: c, or litert without a compiler]"
)
@click.option("--frontend", metavar="SPEC", help="Preset or frontend.json; must be the one the model was made for.")
@LABELS
@click.option("--hop-ms", type=float, help="Step between windows.  [default: the model's own, live a quarter window]")
@click.option("--windows", is_flag=True, help="One decision a window of each file, and not one a file.")
@click.option("--threshold", type=float, default=0.0, show_default=True, help="Least probability of a label.")
@click.option("--smooth", type=click.IntRange(1, 1000), default=1, show_default=True, help="Windows averaged.")
@click.option("--seconds", type=float, help="Of live sound.  [default: until interrupted]")
@click.option("--device", help="Input device, by name or number.")
@click.option("--rate", type=int, help="Of raw PCM from the pipe, in Hz.  [default: the model's own]")
@click.option("--detector", type=click.Path(path_type=Path), help="Print events by this detector.json, not labels.")
@click.option("--stream", is_flag=True, help="Frame by frame, as firmware hears: a decision or event each hop.")
@click.option("--host", metavar="USER@NAME", help="With --stream: compute there over ssh; without AUDIO it records.")
@click.option("--board", type=click.Choice(["linux", "rpi3", "rpi4", "rpi5"]), default="linux", help="What --host is.")
@SSH_PORT
@IDENTITY
@SSH_OPTION
@click.option("--list-devices", is_flag=True, help="Print the input devices and exit.")
@click.option("--systemd-unit", is_flag=True, help="Print a systemd unit that listens with MODEL, and exit.")
@format_option("text", "json", "jsonl")
def command(
    model: Path | None,
    audio: tuple[str, ...],
    runner: str | None,
    frontend: str | None,
    labels: Path | None,
    hop_ms: float | None,
    windows: bool,
    threshold: float,
    smooth: int,
    seconds: float | None,
    device: str | None,
    rate: int | None,
    detector: Path | None,
    stream: bool,
    host: str | None,
    board: str,
    ssh_port: int | None,
    identity: Path | None,
    ssh_options: tuple[str, ...],
    list_devices: bool,
    systemd_unit: bool,
    form: str,
) -> None:
    """What MODEL hears in AUDIO: files and folders, "-" for raw int16 PCM from a pipe, the microphone without any.

    Exit code 0: all was heard; 2: a recording could not be read (the others are still heard), or nothing could be done.
    """
    from edgekit.api.run import RunOptions, run, run_live

    if list_devices:
        _devices(form)
        return
    if model is None:
        raise click.UsageError("Missing argument 'MODEL'.")
    if systemd_unit:
        _unit(model, {"--runner": runner, "--device": device, "--detector": detector}, stream)
        return
    if PIPE in audio and len(audio) > 1:
        raise click.UsageError("'-' is a pipe on its own.")
    chosen = int(device) if device is not None and device.isdecimal() else device
    options = RunOptions(runner, frontend, labels, hop_ms, windows, threshold, smooth, seconds, chosen, rate)
    if stream:
        listen_by_frames(model, audio, options, detector, Far(host, board, ssh_port, identity, ssh_options), form)
        return
    if host is not None:
        raise click.UsageError("--host is for --stream.")
    if detector is not None:
        _events(model, audio, options, detector, form)
        return
    if audio and audio != (PIPE,):
        bad: list[BadFileError] = []
        _print(run(model, audio, options, unreadable=bad.append), form)
        for error in bad:
            click.echo(f"edgekit: {error}", err=True)
        raise click.exceptions.Exit(2 if bad else 0)
    _live(run_live(model, options, pipe=sys.stdin.buffer if audio else None), form)


def _events(model: Path, audio: tuple[str, ...], options: RunOptions, detector: Path, form: str) -> None:
    """What a detector detects, an event a line as it happens."""
    from edgekit.api.run import run, run_live
    from edgekit.api.run_events import detections, read_detector

    settings = read_detector(detector)
    wish = replace(options, hop_ms=settings.step_ms, windows=True, threshold=0.0, smooth=1)
    bad: list[BadFileError] = []
    if audio and audio != (PIPE,):
        found = run(model, audio, wish, unreadable=bad.append)
    else:
        found = run_live(model, wish, pipe=sys.stdin.buffer if audio else None)
    events = detections(found, settings)
    try:
        if form == "json":
            rows = [event.to_json() for event in events]
            echo_json({"events": rows})
        else:
            for event in events:
                line = f"{event.source}  {event.time:9.2f} s  {event.label}  {event.score:.3f}"
                click.echo(json.dumps(event.to_json(), ensure_ascii=False) if form == "jsonl" else line)
    except KeyboardInterrupt:
        click.echo("", err=True)
    for error in bad:
        click.echo(f"edgekit: {error}", err=True)
    raise click.exceptions.Exit(2 if bad else 0)


def _live(found: Iterable[Decision], form: str) -> None:
    """Rolling labels until the sound ends or somebody interrupts, which is how listening ends."""
    try:
        if form == "text" and sys.stdout.isatty():
            _meter(found)
        else:
            _print(found, form)
    except KeyboardInterrupt:
        click.echo("", err=True)


def _print(found: Iterable[Decision], form: str) -> None:
    from edgekit.report.plain import plain

    if form == "json":
        rows = [decision.to_json() for decision in found]
        echo_json({"decisions": rows})
        return
    for decision in found:
        if form == "jsonl":
            click.echo(json.dumps(decision.to_json(), ensure_ascii=False))
            continue
        label = "–" if decision.label is None else decision.label
        span = f"{decision.start:8.2f} … {decision.end:.2f} s"
        values = f"{100 * decision.probability:5.1f} %  {decision.level:6.1f} dB"
        click.echo(plain(f"{decision.source}  {span}  {values}  {label}"))


def _meter(found: Iterable[Decision]) -> None:
    """One line that moves: level, label, and the labels before it."""
    from edgekit.report.meter import meter_line

    recent: deque[str] = deque(maxlen=12)
    before: str | None = None
    for decision in found:
        if decision.label != before and before is not None:
            recent.appendleft(before)
        before = decision.label
        columns = shutil.get_terminal_size().columns
        line = meter_line(decision.level, decision.label, decision.probability, recent, columns)
        click.echo(f"\r\x1b[K{line}", nl=False)
    click.echo("")


def _devices(form: str) -> None:
    from edgekit.data.pcm_blocks import input_devices
    from edgekit.report.table import render_table

    found = input_devices()
    if form == "text":
        rows = [(str(number), name, f"{rate:g}") for number, name, rate in found]
        click.echo(render_table((">number", "device", ">Hz"), rows), nl=False)
        return
    devices = [{"number": number, "name": name, "rate": rate} for number, name, rate in found]
    echo_json({"devices": devices})


def _unit(model: Path, options: Mapping[str, str | Path | None], stream: bool) -> None:
    from edgekit.api.run_unit import systemd_unit

    program = shutil.which("edgekit") or Path(sys.executable).with_name("edgekit")
    more = ["--stream"] if stream else []
    for name, value in options.items():
        if value is not None:
            more += [name, str(value.absolute() if isinstance(value, Path) else value)]
    click.echo(systemd_unit(program, model, more), nl=False)
