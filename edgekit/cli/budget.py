"""``edgekit budget list | show | new | rank | schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json
from edgekit.core.errors import BadConfigError
from edgekit.report.schemas import SCHEMAS

if TYPE_CHECKING:
    from edgekit.budget.toml import Budget


@click.group("budget")
def command() -> None:
    """List, show and write budgets; rank submissions."""


@command.command("list", epilog=examples("edgekit budget list"))
@FORMAT
def list_command(form: str) -> None:
    """The budgets that come with edgekit."""
    from edgekit.api.budget import list_budgets

    budgets = list_budgets()
    if form == "json":
        echo_json({"budgets": [_budget_json(budget) for budget in budgets]})
        return
    from edgekit.report.table import render_table

    rows = [(budget.name, _limits_text(budget), budget.counting, budget.description) for budget in budgets]
    click.echo(render_table(("budget", "limits", "counting", "for"), rows), nl=False)


@command.command("show", epilog=examples("edgekit budget show dcase2024-task1"))
@click.argument("name", metavar="NAME|FILE")
@FORMAT
def show_command(name: str, form: str) -> None:
    """One budget: its limits, what each demands, and where they come from."""
    from edgekit.api.budget import show_budget

    budget, rules = show_budget(name)
    if form == "json":
        echo_json({"budget": {**_budget_json(budget), "rules": rules}})
        return
    from edgekit.report.table import render_table

    rows = [(key, text, rules[key]) for key, text in _limits(budget).items()]
    title = f"{budget.name}: {budget.description}" if budget.description else budget.name
    click.echo(render_table(("limit", ">value", "rule"), rows, title), nl=False)
    click.echo(f"\ncounting: {budget.counting}\nsource: {budget.source}")


@command.command("new", epilog=examples('edgekit budget new mine.toml --limit "macs=30 M" --source "decided in May"'))
@click.argument("path", metavar="FILE.toml")
@click.option(
    "--limit", "limits", multiple=True, metavar="KEY=VALUE", help='macs="30 M", latency.cortex-m4="20 ms". Repeatable.'
)
@click.option("--source", required=True, help="Where the limits come from: a rule page, a data sheet, a decision.")
@click.option(
    "--counting",
    type=click.Choice(["true", "dcase"]),
    default="true",
    show_default=True,
    help="Convention of bytes and MACs.",
)
@click.option("--description", default="", show_default=False, help="One line for lists.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def new_command(path: str, limits: tuple[str, ...], source: str, counting: str, description: str, force: bool) -> None:
    """Write a commented budget file."""
    from edgekit.api.budget import new_budget

    given: dict[str, str] = {}
    for text in limits:
        key, _, value = text.partition("=")
        if not key.strip() or not value.strip():
            mend = 'write for instance --limit macs="30 M"'
            raise BadConfigError(f"{text!r} is not KEY=VALUE", where="--limit", mend=mend)
        given[key.strip()] = value.strip()
    budget = new_budget(path, given, source=source, counting=counting, description=description, overwrite=force)
    click.echo(f"{path}: {_limits_text(budget)}")


@command.command("rank", epilog=examples("edgekit budget rank submissions.csv"))
@click.argument("table", metavar="TABLE.csv|.json")
@FORMAT
def rank_command(table: str, form: str) -> None:
    """Rank submissions as DCASE 2023 Task 1: 0.5 R_acc + 0.25 R_mem + 0.25 R_mac over their ranks.

    Columns: name, accuracy, and memory and macs, or model (a file beside the table, counted here).
    """
    from edgekit.api.budget import rank_submissions

    ranked = rank_submissions(table)
    if form == "json":
        echo_json({"submissions": [row.to_json() for row in ranked]})
        return
    from edgekit.report.table import render_table

    columns = (">place", "name", ">score", ">accuracy", ">rank", ">memory", ">rank", ">MACs", ">rank")
    rows = []
    for row in ranked:
        system = row.submission
        counts = (f"{system.accuracy:.2%}", row.by_accuracy, f"{system.memory:,} B", row.by_memory)
        cells = (row.place, system.name, f"{row.score:g}", *counts, f"{system.macs:,}", row.by_macs)
        rows.append(tuple(str(cell) for cell in cells))
    click.echo(render_table(columns, rows), nl=False)


@command.command("schema", epilog=examples("edgekit budget schema check-budget"))
@click.argument("name", type=click.Choice(SCHEMAS), default="check-budget")
def schema_command(name: str) -> None:
    """The JSON schema of what check-budget, diff, eval, data inspect or report print with --format json."""
    import json

    from edgekit.report.schemas import json_schema

    click.echo(json.dumps(json_schema(name), indent=2))


def _limits(budget: Budget) -> dict[str, str]:
    """Limits as a person reads them, latencies by target."""
    from edgekit.budget.limits import LIMITS
    from edgekit.core.units import format_count

    texts = {}
    for key, limit in budget.limits.items():
        unit = LIMITS[key].unit
        texts[key] = f"{limit:.0%}" if unit == "ratio" else format_count(limit, unit if unit == "B" else "")
    return texts | {f"latency.{target}": f"{limit:g} ms" for target, limit in budget.latency.items()}


def _limits_text(budget: Budget) -> str:
    return ", ".join(f"{key} {text}" for key, text in _limits(budget).items())


def _budget_json(budget: Budget) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": budget.name, "description": budget.description, "source": budget.source}
    return plain | {"counting": budget.counting, "limits": dict(budget.limits), "latency_ms": dict(budget.latency)}
