"""``edgekit data inspect``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar
from edgekit.cli.rejected import SHOWN, print_rejected

if TYPE_CHECKING:
    from edgekit.api.inspect import Inspection
    from edgekit.data.inspect.survey import Survey

_GATES = ("leakage", "duplicates", "rejected")
_MOST_VALUES = 40
_MOST_DUPLICATES = 10


@click.command(
    epilog=examples("edgekit data inspect words", "edgekit data inspect recordings --kind folder -o page.html")
)
@click.argument("path")
@click.option("--kind", default="auto", show_default=True, help="csv, folder, fsdd, gsc-12, esc-10, tau2022, …")
@click.option(
    "--select",
    metavar="SELECTION",
    default="all",
    show_default=True,
    help='Which clips: "split=train", "speaker=spk00..spk17".',
)
@click.option("--headers", is_flag=True, help="Read headers only: quick, but no damage, silence, levels or duplicates.")
@click.option("--all-rejected", is_flag=True, help=f"Print every recording left out, not the first {SHOWN} only.")
@click.option(
    "--fail-on", "gates", multiple=True, type=click.Choice(_GATES), help="Exit 1 where there is any. Repeatable."
)
@click.option(
    "-o", "--out", "output", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with pictures, .html."
)
@FORMAT
def inspect(
    path: str,
    kind: str,
    select: str,
    headers: bool,
    all_rejected: bool,
    gates: tuple[str, ...],
    output: Path | None,
    form: str,
) -> None:
    """Show what the data set at PATH holds, what is wrong with it, and what leaks between its splits."""
    from edgekit.api.inspect import inspect_manifest

    if headers and set(gates) & {"leakage", "duplicates"}:
        raise click.UsageError("--headers finds neither leakage nor duplicates.")
    with progress_bar() as progress:
        found = inspect_manifest(path, kind, select, decode=not headers, progress=progress)
    print_rejected(found.rejected, None if all_rejected else SHOWN)
    if output is not None:
        from edgekit.api.inspect_page import write_inspection_page

        write_inspection_page(found, output)
    if form == "json":
        echo_json(found.to_json())
    else:
        _print(found)
        if output is not None:
            click.echo(f"page: {output}")
    failed = [gate for gate in gates if found.problems()[gate]]
    for gate in failed:
        click.echo(f"edgekit: {gate}: {found.problems()[gate]:,} found", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _print(found: Inspection) -> None:
    rates = ", ".join(f"{rate} Hz" for rate in found.sample_rates)
    seconds = found.seconds
    click.echo(f"{found.manifest.name}: {len(found.manifest):,} clips, {len(found.manifest.labels)} labels, {rates}")
    click.echo(
        f"length {seconds['min']:.2f} to {seconds['max']:.2f} s, median {seconds['median']:.2f} s, "
        f"together {seconds['total'] / 60:.1f} min; left out {len(found.rejected):,}"
    )
    for name, counts in found.counts.items():
        values = [f"{value} {count:,}" for value, count in counts.items()]
        more = f", … ({len(values):,} in all)" if len(values) > _MOST_VALUES else ""
        click.echo(f"{name + ':':<9}" + ", ".join(values[:_MOST_VALUES]) + more)
    _print_cross(found)
    if found.survey:
        _print_survey(found.survey)


def _print_cross(found: Inspection) -> None:
    """Every cross table that is neither wide nor long."""
    from edgekit.report.table import render_table

    tables = found.cross_tables()
    for rows, columns in found.telling():
        cells = tables[rows, columns]
        if len(cells) <= _MOST_VALUES:
            names = in_order(found.counts[columns])
            body = [(row, *(f"{line.get(name, 0):,}" for name in names)) for row, line in cells.items()]
            click.echo("\n" + render_table((rows, *(f">{name}" for name in names)), body), nl=False)


def _print_survey(survey: Survey) -> None:
    from edgekit.api import inspect_page as page
    from edgekit.report.table import render_table

    click.echo("\n" + render_table(page.LEVEL_HEADER, page.level_cells(survey), "levels"), nl=False)
    _print_spectra(survey)
    count = len(survey.duplicates)
    if count:
        title = f"duplicates: {count:,} groups" + (", the first:" if count > _MOST_DUPLICATES else "")
        rows = page.duplicate_rows(survey, _MOST_DUPLICATES)
        click.echo("\n" + render_table(page.DUPLICATE_HEADER, rows, title), nl=False)
    else:
        click.echo(
            "\nduplicates: none" + ("" if survey.searched_near else " (near ones not looked for: too many clips)")
        )
    if survey.leaks:
        click.echo("\n" + render_table(page.LEAK_HEADER, page.leak_rows(survey), "leakage"), nl=False)
    else:
        click.echo("leakage: none")


def _print_spectra(survey: Survey) -> None:
    """Octave-spaced levels of each device, as differences to the reference; only where there are several."""
    from edgekit.data.inspect.devices import device_spectra, reference_of
    from edgekit.data.inspect.spectrum import CENTRES
    from edgekit.report.table import render_table

    found = device_spectra(survey)
    if len(found) < 2:
        return
    reference = reference_of(found)
    places = [place for place in range(1, len(CENTRES), 3) if not math.isnan(reference.decibels[place])]
    rows = []
    for item in found:
        differences = (item.decibels - reference.decibels)[places]
        rows.append((item.group, *("–" if math.isnan(value) else f"{value:+.1f}" for value in differences)))
    title = f"average third-octave levels less device {reference.group}'s, dB"
    click.echo("\n" + render_table(("device", *(f">{CENTRES[p]:.0f} Hz" for p in places)), rows, title), nl=False)


def in_order(splits: Iterable[str]) -> list[str]:
    """Names of splits in the order in which they are used; other names follow by their letters."""
    known = ("train", "validation", "test")
    return sorted(set(splits), key=lambda name: (known.index(name) if name in known else len(known), name))
