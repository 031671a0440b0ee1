"""What the accuracy campaign left: rows within the budget, means that are means, a page that quotes them."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORD: dict[str, Any] = json.loads((ROOT / "benchmarks/results/accuracy.json").read_text("utf-8"))
FINAL = [row for row in RECORD["rows"] if row["step"] == "final"]
PAGE = (ROOT / "docs/accuracy.md").read_text("utf-8")


def test_final_models_are_within_the_budget() -> None:
    assert {row["dataset"] for row in FINAL} == {"fsdd", "dspspeech", "esc10"}
    for row in FINAL:
        assert 0 < row["parameters"] <= 128_000, row["name"]
        assert 0 < row["macs_true"] <= 30_000_000, row["name"]


def test_every_replicate_is_there_once() -> None:
    found = {name: sorted((r["fold"], r["seed"]) for r in FINAL if r["dataset"] == name) for name in ("fsdd", "esc10")}
    assert [fold for fold, _ in found["fsdd"]] == ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    assert [fold for fold, _ in found["esc10"]] == ["1", "2", "3", "4"]
    assert sorted(row["seed"] for row in FINAL if row["dataset"] == "dspspeech") == [0, 1, 2]


@pytest.mark.parametrize("dataset", ["fsdd", "dspspeech", "esc10"])
@pytest.mark.parametrize("measure", ["float_accuracy", "int8_accuracy"])
def test_the_page_quotes_the_mean_of_the_rows(dataset: str, measure: str) -> None:
    mean = fmean(row[measure] for row in FINAL if row["dataset"] == dataset)
    line = next(item for item in RECORD["summary"] if (item["dataset"], item["step"]) == (dataset, "final"))
    assert line[measure] == pytest.approx(mean)
    assert f"{100 * mean:.1f} %" in PAGE
