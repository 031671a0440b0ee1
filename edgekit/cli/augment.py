"""``edgekit data augment``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar
from edgekit.cli.rejected import print_rejected

_FOLDER = click.Path(path_type=Path, file_okay=False)


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


@click.command(epilog=examples("edgekit data augment words --plan one-of-each -o augmented"))
@click.argument("data")
@click.option("--plan", help="Name of a plan, or a TOML file; --list-plans shows the names.")
@click.option("-o", "--out", "output", type=_FOLDER, help="Folder for the copies and their manifest.csv.")
@click.option("--kind", default="auto", show_default=True, help="Kind of data set, as for inspect.")
@click.option(
    "--select", metavar="SELECTION", help='Which clips: "speaker=spk00..spk17", "all".  [default: split=train]'
)
@click.option("--clips", type=click.IntRange(min=1), help="fill-classes: clips a class shall have.")
@click.option("--copies", type=click.IntRange(min=1), help="copies: of each clip.")
@click.option("--share", type=float, help="copies, every-response: share of the clips that are copied.")
@click.option("--from-device", "device", help="balance-devices, every-response: whose clips are convolved.")
@click.option("--responses", help="Folder of impulse responses; a relative one lies in EDGEKIT_DATA.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn at random."
)
@click.option("--shard", default="1/1", show_default=True, help="This part of how many, as in 2/4.")
@click.option("--rate", type=int, help="Sample rate of the copies in Hz.  [default: each clip's own]")
@click.option(
    "--audio-format", type=click.Choice(["flac", "wav"]), default="flac", show_default=True, help="Of the files."
)
@click.option(
    "--list-plans",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _plans(context, wanted),
    help="Print the plans that come with edgekit, and stop.",
)
@FORMAT
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
        echo_json(made.to_json())
        return
    click.echo(f"{made.folder}: {made.clips:,} of {made.total:,} copies by {made.plan}, {made.there:,} there already")
    if made.missing:
        click.echo(f"no manifest yet: shards {', '.join(map(str, made.missing))} are missing")
