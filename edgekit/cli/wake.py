"""``edgekit wake``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar


@click.command(
    "wake",
    epilog=examples(
        'edgekit wake "hey lantern" -o lantern',
        'edgekit wake "hey lantern" --negatives "esc10?fold=1" --development "esc10?fold=2" -o lantern',
    ),
)
@click.argument("phrase")
@click.option("--voices", default=400, show_default=True, type=click.IntRange(10), help="Synthetic voices.")
@click.option("--takes", default=4, show_default=True, type=click.IntRange(1), help="Of the word by each voice.")
@click.option(
    "--negatives", multiple=True, help="Real recordings without the word: PATH or PATH?SELECTION. Repeatable."
)
@click.option(
    "--development", multiple=True, help="Real recordings without the word, to choose the threshold on. Repeatable."
)
@click.option("--recordings", multiple=True, help="Real takes of the word, for instance your own voice. Repeatable.")
@click.option(
    "--talk",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of general speech that several words share.",
)
@click.option(
    "--false-accepts",
    default=1.0,
    show_default=True,
    help="An hour, upper end of the interval on the development stream.",
)
@click.option("--hours", default=6.0, show_default=True, type=click.FloatRange(0.02), help="Of the development stream.")
@click.option("--target", metavar="TARGET", default="cortex-m4", show_default=True, help="What to compile for.")
@options.SET
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn at random.")
@FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for everything.")
def command(
    phrase: str,
    voices: int,
    takes: int,
    negatives: tuple[str, ...],
    development: tuple[str, ...],
    recordings: tuple[str, ...],
    talk: Path | None,
    false_accepts: float,
    hours: float,
    target: str,
    overrides: tuple[str, ...],
    seed: int,
    form: str,
    out: Path,
) -> None:
    """Make an always-on detector of PHRASE: words from text, training, int8, operating point, C.

    Interrupted, it goes on when the same command is given again.
    """
    from edgekit.api.wake import WakeConfig, wake
    from edgekit.api.wake_data import WakeSet

    config = WakeConfig(
        set=WakeSet(phrase=phrase.lower(), voices=voices, takes=takes, seed=seed),
        negatives=negatives,
        development=development,
        positives=recordings,
        talk=talk,
        overrides=overrides,
        most_per_hour=false_accepts,
        hours=hours,
        target=target,
    )
    with progress_bar() as progress:
        result = wake(config, out, progress=progress)
    if form == "json":
        echo_json(result.to_json())
        return
    click.echo(f"{out}: detects {result.label!r}; on the development streams:")
    for name, choice in (("one model", result.single), ("two stages", result.staged)):
        told = choice.point.outcome
        missed = ", ".join(f"{count - hits} of {count} at {group}" for group, (count, hits) in told.groups.items())
        click.echo(
            f"  {name}, from a mean probability of {choice.point.threshold / 32768:.3f}: "
            f"{100 * told.miss_rate:.1f} % of {told.words} words missed ({missed}), "
            f"{told.false_accepts} false accepts in {told.hours:.2f} h"
        )
    click.echo(f"  the first stage lets the larger model decide in {100 * result.opened:.1f} % of the time")
    for part, text in (("word", "the word's model"), ("first", "the first stage")):
        sizes = [
            f"{result.firmware[f'{part}_{key}']:,} B {key}"
            for key in ("flash", "ram")
            if f"{part}_{key}" in result.firmware
        ]
        hop = f"{result.firmware[f'{part}_macs_a_hop']:,} MACs a hop"
        click.echo(f"{target}, {text}: {', '.join([hop, *sizes])}")
