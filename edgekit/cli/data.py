"""``edgekit data``: list, inspect, fetch, synth, augment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from edgekit.cli.progress import progress_bar
from edgekit.data.manifest import Rejected

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_SHOWN = 20


@click.group(name="data", help="List, inspect, fetch, synthesise and augment data sets.")
def command() -> None:
    """Group of the data commands."""


@command.command(name="list")
@click.option("--registry", type=click.Path(path_type=Path, dir_okay=False), help="TOML table of sets of your own.")
@_FORMAT
def list_command(registry: Path | None, form: str) -> None:
    """List the sets that can be fetched and those in EDGEKIT_DATA."""
    from edgekit.api.data import list_datasets

    rows = list_datasets(registry)
    if form == "json":
        _json({"schema_version": 1, "datasets": rows})
        return
    for row in rows:
        size = f"{row['bytes'] / 1e9:.2f} GB" if row["bytes"] else ""
        state = f"in {row['path']}" if row["path"] else "edgekit data fetch " + row["name"]
        click.echo(f"{row['name']:<16}{size:>9}  {row['title'] or 'local'}{_bracket(row['licence'])}: {state}")


@command.command()
@click.argument("path")
@click.option("--kind", default="auto", show_default=True, help="csv, folder, fsdd, gsc-12, esc-10, tau2022, …")
@click.option("--select", default="all", show_default=True, help='Which clips: "split=train", "speaker=spk00..spk17".')
@click.option("--headers", is_flag=True, help="Read the headers only: quick, but finds neither damage nor silence.")
@click.option("--all-rejected", is_flag=True, help=f"Print every recording left out, not the first {_SHOWN} only.")
@_FORMAT
def inspect(path: str, kind: str, select: str, headers: bool, all_rejected: bool, form: str) -> None:
    """Count what the data set at PATH holds and list what cannot be used."""
    from edgekit.api.data import inspect_manifest

    with progress_bar() as progress:
        found = inspect_manifest(path, kind, select, decode=not headers, progress=progress)
    print_rejected(found.rejected, None if all_rejected else _SHOWN)
    if form == "json":
        _json(found.to_json())
        return
    rates = ", ".join(f"{rate} Hz" for rate in found.sample_rates)
    seconds = found.seconds
    click.echo(f"{found.manifest.name}: {len(found.manifest):,} clips, {len(found.manifest.labels)} labels, {rates}")
    click.echo(
        f"length {seconds['min']:.2f} to {seconds['max']:.2f} s, median {seconds['median']:.2f} s, "
        f"together {seconds['total'] / 60:.1f} min; left out {len(found.rejected):,}"
    )
    for name, counts in found.counts.items():
        click.echo(f"{name + ':':<9}" + ", ".join(f"{value} {count:,}" for value, count in counts.items()))
    _print_table(found.table)


@command.command()
@click.argument("name")
@click.option("-o", "--output", type=_FOLDER, help="Folder of data sets [EDGEKIT_DATA]; the set goes into a subfolder.")
@click.option("--registry", type=click.Path(path_type=Path, dir_okay=False), help="TOML table of sets of your own.")
@click.option("--keep-archives", is_flag=True, help="Leave the downloaded archives there.")
@_FORMAT
def fetch(name: str, output: Path | None, registry: Path | None, keep_archives: bool, form: str) -> None:
    """Download the public set NAME, verify and unpack it; resumes when run again."""
    from edgekit.api import data

    with progress_bar() as progress:
        fetched = data.fetch(name, output, registry, keep_archives, progress)
    for note in fetched.notes:
        click.echo(f"edgekit: {note}", err=True)
    if form == "json":
        archives = [{**vars(item)} for item in fetched.archives]
        _json({"schema_version": 1, "name": name, "folder": str(fetched.folder), "archives": archives})
        return
    done = "was there already" if fetched.already else f"{sum(item.files for item in fetched.archives):,} files"
    click.echo(f"{name}: {fetched.folder} ({done}; licence: {fetched.licence})")


@command.command()
@click.option("--words", required=True, help="Keywords, separated by commas.")
@click.option("-o", "--output", type=_FOLDER, required=True, help="Folder for the set.")
@click.option("--voices", type=int, default=40, show_default=True, help="Voices; each belongs to one split.")
@click.option("--takes", type=int, default=4, show_default=True, help="Renderings of each word by each voice.")
@click.option("--unknown-words", help="Words for the label unknown [a built-in list]; empty for none.")
@click.option("--unknown", type=int, help="Unknown clips by each voice [twice --takes].")
@click.option("--silence", type=int, default=200, show_default=True, help="Clips of background noise only.")
@click.option("--rate", type=int, default=16_000, show_default=True, help="Sample rate in Hz.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Length of a clip.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--language", default="en", show_default=True, help="Language of espeak-ng; en takes all its accents.")
@click.option("--snr", nargs=2, type=float, default=(5.0, 30.0), show_default=True, help="Range in dB.")
@click.option("--noise", type=_FOLDER, help="Folder of noise recordings, beside the generated noises.")
@click.option("--microphones", type=_FOLDER, help="Folder of microphone impulse responses [synthetic ones].")
@click.option("--audio-format", type=click.Choice(["flac", "wav"]), default="flac", show_default=True)
@click.option("--workers", type=int, help="Processes [number of cores].")
@_FORMAT
def synth(
    words: str,
    output: Path,
    voices: int,
    takes: int,
    unknown_words: str | None,
    unknown: int | None,
    silence: int,
    rate: int,
    seconds: float,
    seed: int,
    language: str,
    snr: tuple[float, float],
    noise: Path | None,
    microphones: Path | None,
    audio_format: str,
    workers: int | None,
    form: str,
) -> None:
    """Render a keyword set from text with espeak-ng, split by voice; resumes when run again."""
    from edgekit.api.data import SynthConfig, synthesise

    config = SynthConfig(
        words=_words(words),
        voices=voices,
        takes=takes,
        unknown_words=None if unknown_words is None else _words(unknown_words),
        unknown=unknown,
        silence=silence,
        rate=rate,
        seconds=seconds,
        seed=seed,
        language=language,
        snr_db=snr,
        noise_folder=noise,
        microphone_folder=microphones,
        format=audio_format,
    )
    with progress_bar() as progress:
        manifest = synthesise(config, output, progress, workers)
    splits = {name: len(manifest.select(split=name)) for name in ("train", "validation", "test")}
    path = str(output / "manifest.csv")
    if form == "json":
        body = {"manifest": path, "clips": len(manifest), "labels": list(manifest.labels), "splits": splits}
        _json({"schema_version": 1, **body, "digest": config.digest})
        return
    counts = ", ".join(f"{name} {count:,}" for name, count in splits.items())
    click.echo(f"{path}: {len(manifest):,} clips, {len(manifest.labels)} labels ({counts})")


@command.command()
@click.argument("data")
@click.option("--plan", help="Name of a plan, or a TOML file; --list-plans shows the names.")
@click.option("-o", "--output", type=_FOLDER, help="Folder for the copies and their manifest.csv.")
@click.option("--kind", default="auto", show_default=True, help="Kind of data set, as for inspect.")
@click.option("--select", help='Which clips: "speaker=spk00..spk17", "all". Default: split=train.')
@click.option("--clips", type=click.IntRange(min=1), help="fill-classes: clips a class shall have.")
@click.option("--copies", type=click.IntRange(min=1), help="copies: of each clip.")
@click.option("--share", type=float, help="copies, every-response: share of the clips that are copied.")
@click.option("--from-device", "device", help="balance-devices, every-response: whose clips are convolved.")
@click.option("--responses", help="Folder of impulse responses; a relative one lies in EDGEKIT_DATA.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--shard", default="1/1", show_default=True, help="This part of how many, as in 2/4.")
@click.option("--rate", type=int, help="Sample rate of the copies in Hz [each clip's own].")
@click.option("--audio-format", type=click.Choice(["flac", "wav"]), default="flac", show_default=True)
@click.option("--list-plans", is_flag=True, is_eager=True, expose_value=False, callback=lambda c, p, v: _plans(c, v))
@_FORMAT
def augment(data: str, plan: str | None, output: Path | None, shard: str, form: str, **options: Any) -> None:
    """Write augmented copies of the training clips of the set DATA; resumes when run again.

    The copies keep label, split and groups; train on both: --data DATA --data OUTPUT.
    """
    from edgekit.api.augment import augment as run

    if plan is None or output is None:
        raise click.UsageError(f"{'--plan' if plan is None else '--output'} is missing.")
    names = ("clips", "copies", "share", "device", "responses")
    changes = {name: options.pop(name) for name in names}
    with progress_bar() as progress:
        made = run(data, plan, output, shard=_shard(shard), changes=changes, progress=progress, **options)
    print_rejected(made.rejected)
    if form == "json":
        _json(made.to_json())
        return
    click.echo(f"{made.folder}: {made.clips:,} of {made.total:,} copies by {made.plan}, {made.there:,} there already")
    if made.missing:
        click.echo(f"no manifest yet: shards {', '.join(map(str, made.missing))} are missing")


def print_rejected(rejected: tuple[Rejected, ...], most: int | None = _SHOWN) -> None:
    """List on stderr what was left out and why; never silent about the rest of a long list."""
    for item in rejected[:most]:
        click.echo(f"edgekit: left out {item.path}: {item.reason}", err=True)
    if most is not None and len(rejected) > most:
        click.echo(f"edgekit: … and {len(rejected) - most:,} more left out", err=True)


def _plans(context: click.Context, wanted: bool) -> None:
    """Print the plans that come with edgekit, and stop."""
    if not wanted:
        return
    from edgekit.augment.offline.plan import load_plan, plan_names

    for name in plan_names():
        click.echo(f"{name:<18} {load_plan(name).about}")
    context.exit()


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not number.isdigit() or not count.isdigit():
        raise click.BadParameter(f"{text!r} is not of the form 2/4.", param_hint="--shard")
    return int(number), int(count)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip().lower()))


def _print_table(table: dict[str, dict[str, int]]) -> None:
    splits = _in_order(split for row in table.values() for split in row)
    if not splits:
        return
    width = max(len(label) for label in table) + 2
    click.echo(f"{'':<{width}}" + "".join(f"{split:>12}" for split in splits))
    for label, row in table.items():
        click.echo(f"{label:<{width}}" + "".join(f"{row.get(split, 0):>12,}" for split in splits))


def _in_order(splits: Iterable[str]) -> list[str]:
    known = ("train", "validation", "test")
    return sorted(set(splits), key=lambda name: (known.index(name) if name in known else len(known), name))


def _bracket(text: str) -> str:
    return f" [{text}]" if text else ""


def _json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, allow_nan=False))
