"""``edgekit doctor``."""

from __future__ import annotations

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json


@click.command("doctor", epilog=examples("edgekit doctor"))
@click.option("--imports", is_flag=True, help="Import every installed package in a process of its own (slow).")
@FORMAT
def command(imports: bool, form: str) -> None:
    """What is installed, what each missing piece would enable, and the command that brings it.

    Exit code 0, also where pieces are missing; 1 where one is there and does not work.
    """
    from edgekit.api.doctor import doctor
    from edgekit.report.table import render_table

    health = doctor(imports=imports)
    if form == "json":
        echo_json(health.to_json())
    else:
        about = health.about
        click.echo(f"edgekit {about['edgekit']}, Python {about['python']}, {about['platform']}\n")
        there = [(part.name, part.version, part.note, part.enables) for part in health.parts if part.state == "ok"]
        click.echo(render_table(("installed", "version", "", "for"), there, width=140))
        for state, title in (("missing", "missing"), ("broken", "BROKEN")):
            rows = [(p.name, p.note or p.version, p.enables, p.install) for p in health.parts if p.state == state]
            if rows:
                click.echo(render_table((title, "", "for", "get it with"), rows, width=160))
    raise click.exceptions.Exit(1 if health.broken else 0)
