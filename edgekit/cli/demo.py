"""``edgekit demo``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import training_options as options
from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar
from edgekit.core.verdict import EXIT_CODES


@click.command("demo", epilog=examples("edgekit demo", "edgekit demo --data recordings --target cortex-m7 -o out"))
@click.option("--data", help="Recordings: a CSV manifest or a folder.  [default: synthesised keywords]")
@click.option("--recipe", default="kws-dscnn", show_default=True, help="Training recipe, a name or a TOML file.")
@options.SET
@click.option("--train", "train_select", metavar="SELECTION", help="Training clips.  [default: split=train]")
@click.option(
    "--valid",
    "valid_select",
    metavar="SELECTION",
    help="Validation clips.  [default: split=validation, where there is one]",
)
@click.option("--test", "test_select", metavar="SELECTION", help="Test clips.  [default: split=test]")
@click.option(
    "--budget",
    metavar="NAME|FILE",
    default="thesis-128kB-30MMAC",
    show_default=True,
    help="Budget, a name or a TOML file.",
)
@click.option("--target", metavar="TARGET", default="cortex-m4", show_default=True, help="Microcontroller to emulate.")
@click.option("--chip-clips", type=click.IntRange(1), help="Test clips that the emulated chip hears.")
@FORMAT
@click.option("-o", "--out", default="demo-out", show_default=True, type=click.Path(path_type=Path), help="Folder.")
def command(
    data: str | None,
    recipe: str,
    overrides: tuple[str, ...],
    train_select: str | None,
    valid_select: str | None,
    test_select: str | None,
    budget: str,
    target: str,
    chip_clips: int | None,
    form: str,
    out: Path,
) -> None:
    """The whole road, from recordings to an emulated microcontroller that hears raw PCM.

    Trains a small keyword spotter, makes it int8, judges it against the budget, compiles it to C with its front-end,
    runs the image in an emulator, and writes report.html. Exit code 1 when the budget fails or the chip's labels
    differ from the integer interpreter's.
    """
    from edgekit.api.demo import PAGE, SYNTHETIC_CHIP_CLIPS, demo
    from edgekit.api.road import RoadConfig
    from edgekit.api.road_page import road_rows
    from edgekit.report.table import render_table

    config = RoadConfig(
        recipe=recipe,
        overrides=overrides,
        train=train_select,
        valid=valid_select,
        test=test_select,
        budget=budget,
        target=target,
        chip_clips=chip_clips or (None if data else SYNTHETIC_CHIP_CLIPS),
    )
    with progress_bar() as progress:
        result = demo(out, data=data, config=config, progress=progress)
    if form == "json":
        echo_json(result.to_json())
    else:
        click.echo(render_table(("", ">value", "how it was obtained"), road_rows(result)), nl=False)
        click.echo(f"report: {out / PAGE}")
    code = EXIT_CODES[result.verdict.outcome]
    raise click.exceptions.Exit(code or int(not result.measurement.outputs_equal))
