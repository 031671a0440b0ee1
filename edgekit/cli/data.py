"""``edgekit data``: list, inspect, fetch, synth, augment."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.augment import augment
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.inspect import inspect
from edgekit.cli.progress import progress_bar

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(name="data", help="List, inspect, fetch, synthesise and augment data sets.")
def command() -> None:
    """Group of the data commands."""


command.add_command(inspect)
command.add_command(augment)


@command.command(name="list", epilog=examples("edgekit data list"))
@click.option("--registry", type=click.Path(path_type=Path, dir_okay=False), help="TOML table of sets of your own.")
@FORMAT
def list_command(registry: Path | None, form: str) -> None:
    """List the sets that can be fetched and those in EDGEKIT_DATA."""
    from edgekit.api.data import list_datasets

    rows = list_datasets(registry)
    if form == "json":
        echo_json({"datasets": rows})
        return
    for row in rows:
        size = f"{row['bytes'] / 1e9:.2f} GB" if row["bytes"] else ""
        state = f"in {row['path']}" if row["path"] else "edgekit data fetch " + row["name"]
        click.echo(f"{row['name']:<16}{size:>9}  {row['title'] or 'local'}{_bracket(row['licence'])}: {state}")


@command.command(epilog=examples("edgekit data fetch gsc-v2"))
@click.argument("name")
@click.option(
    "-o",
    "--out",
    "output",
    type=_FOLDER,
    help="Folder of data sets; the set goes into a subfolder.  [default: EDGEKIT_DATA]",
)
@click.option("--registry", type=click.Path(path_type=Path, dir_okay=False), help="TOML table of sets of your own.")
@click.option("--keep-archives", is_flag=True, help="Leave the downloaded archives there.")
@FORMAT
def fetch(name: str, output: Path | None, registry: Path | None, keep_archives: bool, form: str) -> None:
    """Download the public set NAME, verify and unpack it; resumes when run again."""
    from edgekit.api import data

    with progress_bar() as progress:
        fetched = data.fetch(name, output, registry, keep_archives, progress)
    for note in fetched.notes:
        click.echo(f"edgekit: {note}", err=True)
    if form == "json":
        archives = [{**vars(item)} for item in fetched.archives]
        echo_json({"name": name, "folder": str(fetched.folder), "archives": archives})
        return
    done = "was there already" if fetched.already else f"{sum(item.files for item in fetched.archives):,} files"
    click.echo(f"{name}: {fetched.folder} ({done}; licence: {fetched.licence})")


@command.command(epilog=examples("edgekit data synth --words yes,no,stop --voices 40 --takes 6 -o words"))
@click.option("--words", required=True, help="Keywords, separated by commas.")
@click.option("-o", "--out", "output", type=_FOLDER, required=True, help="Folder for the set.")
@click.option("--voices", type=int, default=40, show_default=True, help="Voices; each belongs to one split.")
@click.option("--takes", type=int, default=4, show_default=True, help="Renderings of each word by each voice.")
@click.option("--unknown-words", help="Words for the label unknown; empty for none.  [default: a built-in list]")
@click.option("--unknown", type=int, help="Unknown clips by each voice.  [default: twice --takes]")
@click.option("--silence", type=int, default=200, show_default=True, help="Clips of background noise only.")
@click.option("--rate", type=int, default=16_000, show_default=True, help="Sample rate in Hz.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Length of a clip.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn at random.")
@click.option("--language", default="en", show_default=True, help="Language of espeak-ng; en takes all its accents.")
@click.option(
    "--spellings",
    default="",
    show_default=False,
    help="The words as --language writes them, separated by commas: an accent.",
)
@click.option(
    "--snr",
    nargs=2,
    type=float,
    default=(5.0, 30.0),
    show_default=True,
    help="Signal to noise, lowest and highest, in dB.",
)
@click.option("--noise", type=_FOLDER, help="Folder of noise recordings, beside the generated noises.")
@click.option("--microphones", type=_FOLDER, help="Folder of microphone impulse responses.  [default: synthetic ones]")
@click.option(
    "--audio-format", type=click.Choice(["flac", "wav"]), default="flac", show_default=True, help="Of the files."
)
@click.option("--workers", type=int, help="Processes.  [default: number of cores]")
@FORMAT
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
    spellings: str,
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
        spellings=_words(spellings),
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
        echo_json({**body, "digest": config.digest})
        return
    counts = ", ".join(f"{name} {count:,}" for name, count in splits.items())
    click.echo(f"{path}: {len(manifest):,} clips, {len(manifest.labels)} labels ({counts})")


@command.command(epilog=examples("edgekit data relabel recordings --by speaker -o speakers.csv"))
@click.argument("data", nargs=-1, required=True)
@click.option("--by", default="speaker", show_default=True, help="speaker, device, source or fold.")
@click.option("--select", metavar="SELECTION", help='Clips to keep, e.g. "speaker!=theo".  [default: all]')
@click.option(
    "-o", "--out", "output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="CSV manifest."
)
@FORMAT
def relabel(data: tuple[str, ...], by: str, select: str | None, output: Path, form: str) -> None:
    """Write a manifest of DATA whose labels are a group: who speaks instead of what is said."""
    from edgekit.api.data import relabel_sets

    manifest = relabel_sets(data, by, output, select)
    if form == "json":
        body = {"manifest": str(output), "clips": len(manifest), "labels": list(manifest.labels)}
        echo_json(body)
        return
    click.echo(f"{output}: {len(manifest):,} clips, {len(manifest.labels)} labels")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip().lower()))


def _bracket(text: str) -> str:
    return f" [{text}]" if text else ""
