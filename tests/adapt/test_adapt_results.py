"""The committed figures of adaptation: the summary follows from the rows, and the page's tables from the summary."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "adapt.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "adaptation.md").read_text("utf-8")
TITLES = {
    "FSDD, from the classifier of pictures": "fsdd/pictures",
    "DSPSpeech (nine words": "dspspeech/pictures",
    "FSDD, from the classifier of spectrograms": "fsdd/words-mobilenet",
    "DSPSpeech, from the classifier of spectrograms": "dspspeech/words-mobilenet",
}
METHODS = {
    "dual-domain": "reprogram-dual",
    "P1D only": "reprogram-waveform",
    "P2D only": "reprogram-frame",
    "linear probe": "reprogram-probe",
}


def _accuracies(name: str, method: str) -> dict[tuple[int, int], float]:
    """By clips a class and draw."""
    dataset, source = name.split("/")
    rows: list[dict[str, Any]] = [row for row in RESULT["rows"] if row["part"] == "reprogram"]
    kept = [row for row in rows if (row["dataset"], row.get("source"), row["method"]) == (dataset, source, method)]
    return {(row["clips_per_class"], row["seed"]): row["accuracy"] for row in kept}


@pytest.mark.parametrize("name", TITLES.values())
@pytest.mark.parametrize("single", ["reprogram-waveform", "reprogram-frame"])
def test_the_gain_over_one_domain_is_a_paired_interval_of_the_rows(name: str, single: str) -> None:
    both, one = _accuracies(name, "reprogram-dual"), _accuracies(name, single)
    keys = sorted(one)
    assert {draw for _, draw in keys} == {0, 1, 2} and {size for size, _ in keys} == {10, 20, 50, 100}
    interval = ttest_rel([both[key] for key in keys], [one[key] for key in keys]).confidence_interval(0.95)
    told = RESULT["summary"]["dual_minus_single_domain"][name][single]
    assert (told["low"], told["high"]) == pytest.approx((interval.low, interval.high))
    assert told["ahead"] == sum(both[key] > one[key] for key in keys)


@pytest.mark.parametrize("title", TITLES)
def test_the_page_shows_means_and_deviations_of_the_rows(title: str) -> None:
    table = PAGE[PAGE.index(title) :].split("\n\n")[1].splitlines()
    sizes = [int(cell) for cell in table[0].strip("| ").split(" | ")[1:]]
    checked = 0
    for line in table[2:]:
        method, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if method not in METHODS:
            continue
        found = _accuracies(TITLES[title], METHODS[method])
        for size, cell in zip(sizes, cells, strict=True):
            draws = [100 * value for (clips, _), value in found.items() if clips == size]
            assert cell == (f"{np.mean(draws):.1f} ± {np.std(draws):.1f}" if len(draws) > 1 else "")
            checked += 1
    assert checked >= 3 * len(sizes)


def test_no_line_of_the_page_waits_for_its_figures() -> None:
    assert not re.findall(r"@@\w+@@", PAGE)
