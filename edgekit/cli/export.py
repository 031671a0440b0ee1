"""``edgekit export``."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.examples import examples


@click.command("export", epilog=examples("edgekit export run -o exported"))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the three files.")
def command(run: Path, out: Path) -> None:
    """Write RUN (a run folder) as model.onnx with frontend.json and labels.txt."""
    from edgekit.api.export import export

    files = export(run, out)
    for path in (files.model, files.frontend, files.labels):
        click.echo(str(path))
