"""``edgekit verify``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.cli.progress import progress_bar


@click.command(
    "verify",
    epilog=examples(
        'edgekit data relabel recordings --by speaker --select "speaker!=theo,lucas" -o speakers.csv',
        "edgekit train speaker-ecapa --data speakers.csv --train all -o runs/speakers",
        'edgekit verify runs/speakers --data recordings --select "speaker=theo,lucas"',
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DATA",
    required=True,
    multiple=True,
    help="Set whose clips name speakers; pairs lie within one set. Repeatable.",
)
@click.option("--select", metavar="SELECTION", help='Clips, e.g. "speaker=theo,lucas".  [default: all]')
@click.option("--trials", default=50_000, show_default=True, type=click.IntRange(2), help="Pairs at most.")
@click.option(
    "--p-target", default=0.05, show_default=True, type=click.FloatRange(0.0001, 0.9999), help="Prior of minDCF."
)
@click.option("--det", type=click.Path(path_type=Path, dir_okay=False), help="Draw misses against false alarms (.svg).")
@FORMAT
def command(
    run: Path,
    data: tuple[str, ...],
    select: str | None,
    trials: int,
    p_target: float,
    det: Path | None,
    form: str,
) -> None:
    """Equal error rate and minDCF of a speaker model's RUN on voices that it never heard."""
    from edgekit.api.verify import verify_speakers

    with progress_bar() as progress:
        result = verify_speakers(run, data, select=select, most=trials, p_target=p_target, det=det, progress=progress)
    if form == "json":
        echo_json(result.to_json())
        return
    told = result.verification
    click.echo(
        f"{run}: {result.clips:,} clips of {result.speakers} speakers, "
        f"{told.trials:,} trials ({told.targets:,} of one voice)"
    )
    click.echo(f"equal error rate {100 * told.eer:.2f} %, minDCF({told.p_target:g}) {told.min_dcf:.3f}")
