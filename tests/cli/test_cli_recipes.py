"""``edgekit recipes``: the list says what each reproduces, one recipe is printed so that it can be read back."""

from __future__ import annotations

import json
import tomllib

import pytest

from edgekit.cli.main import main
from edgekit.train.recipe_file import load_recipe, recipe_from, recipe_names


def test_the_list_names_every_recipe_and_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--format", "json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["schema_version"] == 1
    rows = {row["name"]: row for row in table["recipes"]}
    assert set(rows) == set(recipe_names())
    assert rows["dcase2024-baseline"]["published"]["parameters"] == 61_148
    assert rows["thesis-medium-vit-dir"]["taught"] and not rows["thesis-medium-vit"]["taught"]
    assert main(["recipes"]) == 0
    text = capsys.readouterr().out
    assert "46.83 %" in text and "(needs a teacher)" in text


def test_one_recipe_is_printed_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "dcase2025-device", "--set", "schedule.epochs=7"]) == 0
    table = tomllib.loads(capsys.readouterr().out)
    assert "base" not in table and table["frontend"]["preset"] == "dcase2024-baseline"
    assert recipe_from(table) == load_recipe("dcase2025-device", ["schedule.epochs=7"])
    assert main(["recipes", "dcase2025-devise"]) == 2
    assert "did you mean 'dcase2025-device'" in capsys.readouterr().err
