"""``edgekit recipes``."""

from __future__ import annotations

import click

from edgekit.cli.examples import examples
from edgekit.cli.formats import FORMAT, echo_json


@click.command(
    "recipes", epilog=examples("edgekit recipes", "edgekit recipes kws-dscnn --set model.arguments.channels=32")
)
@click.argument("recipe", required=False)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="With RECIPE: settings to apply. Repeatable."
)
@FORMAT
def command(recipe: str | None, overrides: tuple[str, ...], form: str) -> None:
    """List the recipes that come with edgekit; of RECIPE (a name or a TOML file), print every key."""
    from edgekit.api.recipes import list_recipes, show_recipe

    if recipe is not None:
        click.echo(show_recipe(recipe, overrides), nl=False)
        return
    if overrides:
        raise click.UsageError("--set belongs to one RECIPE.")
    found = list_recipes()
    if form == "json":
        echo_json({"recipes": [item.to_json() for item in found]})
        return
    for item in found:
        click.echo(f"{item.name}{'  (needs a teacher)' if item.taught else ''}")
        click.echo(f"    {item.about}")
        if item.published:
            figure = item.published["figure"] or "architecture only"
            click.echo(f"    published: {figure} [{item.published['source']}]")
