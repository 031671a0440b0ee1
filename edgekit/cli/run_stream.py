"""``edgekit run --stream``: decisions or events as they come, a line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.formats import echo_json

if TYPE_CHECKING:
    from edgekit.api.run import RunOptions
    from edgekit.api.run_events import Detection
    from edgekit.api.run_hearing import Decision
    from edgekit.api.stream_events import Dropped
    from edgekit.core.errors import BadFileError

PIPE = "-"


@dataclass(frozen=True)
class Far:
    """The machine that computes, as the options name it; none where ``host`` is None."""

    host: str | None
    board: str
    port: int | None
    identity: Path | None
    options: tuple[str, ...]


def listen_by_frames(
    model: Path, audio: tuple[str, ...], options: RunOptions, detector: Path | None, far: Far, form: str
) -> None:
    """Print what a stream hears; exit code 2 where a recording could not be read."""
    from edgekit.api.run_events import read_detector
    from edgekit.api.run_stream import StreamOptions, run_stream, run_stream_live
    from edgekit.bench.ssh import Host

    if options.windows:
        raise click.UsageError("--windows is not for --stream, which has no windows.")
    settings = None if detector is None else read_detector(detector, samples=True)
    host = None if far.host is None else Host(far.host, far.port, far.identity, far.options)
    wish = StreamOptions(options, settings, host, far.board)
    bad: list[BadFileError] = []
    live = not audio or audio == (PIPE,)
    try:
        if live:
            _print(run_stream_live(model, wish, pipe=sys.stdin.buffer if audio else None), form, live)
        else:
            _print(run_stream(model, audio, wish, unreadable=bad.append), form, live)
    except KeyboardInterrupt:  # how listening ends
        click.echo("", err=True)
    for error in bad:
        click.echo(f"edgekit: {error}", err=True)
    raise click.exceptions.Exit(2 if bad else 0)


def _print(found: Iterable[Decision | Detection | Dropped], form: str, live: bool) -> None:
    if form == "json":
        rows = [item.to_json() for item in found]
        echo_json({"log": rows})
        return
    for item in found:
        row = item.to_json()
        if form == "jsonl":
            clock = {"at": datetime.now(UTC).isoformat(timespec="milliseconds")} if live else {}
            click.echo(json.dumps({**row, **clock}, ensure_ascii=False))
        else:
            click.echo(_text(row))
        sys.stdout.flush()


def _text(row: dict[str, Any]) -> str:
    from edgekit.report.plain import plain

    time = row.get("time_s", row.get("end_s"))
    if "notice" in row:
        said = row["notice"]
    elif "event" in row:
        said = f"{row['event']}  {row['score']:.3f}"
    else:
        label = "–" if row["label"] is None else row["label"]
        said = f"{100 * row['probability']:5.1f} %  {row['level_db']:6.1f} dB  {label}"
    return plain(f"{row['source']}  {time:9.2f} s  {said}")
