"""What commands print as JSON, and options that reach them as one argument."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from edgekit.cli.formats import echo_json
from edgekit.cli.gather import gather


def test_json_has_no_nan_and_a_schema_version(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"a": [float("nan"), 1.5], "b": {"c": float("-inf")}, "d": (2, "x")})
    text = capsys.readouterr().out
    assert "NaN" not in text and "Infinity" not in text
    assert json.loads(text) == {"schema_version": 1, "a": [None, 1.5], "b": {"c": None}, "d": [2, "x"]}
    echo_json({"schema_version": 3})
    assert json.loads(capsys.readouterr().out) == {"schema_version": 3}


def test_gathered_options_keep_their_order_and_reach_the_command_as_one() -> None:
    def both(first: int, second: str) -> str:
        return second * first

    @click.command()
    @gather("made", both, (click.option("--first", default=2), click.option("--second", default="x")))
    @click.option("--third", default="z")
    def command(made: str, third: str) -> None:
        click.echo(made + third)

    assert [parameter.name for parameter in command.params] == ["first", "second", "third"]
    assert CliRunner().invoke(command, ["--second", "y"]).output == "yyz\n"
