"""A sample of the onnx package's backend suites (all of them: benchmarks/budget_corpus.py)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from budget_corpus import Tally, suites
from cases import ROOMY


@pytest.mark.filterwarnings("ignore")
def test_a_sample_is_counted_as_the_peer_counts_or_undecided_with_a_reason(tmp_path: Path) -> None:
    budget = tmp_path / "roomy.toml"
    budget.write_text(ROOMY)
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index, case in enumerate(suites()):
            if index % 25 == 0:
                tally.add(case, tmp_path / "model.onnx", budget)
    assert tally.wrong == []
    assert tally.checked > 40
    assert sum(row["models"] for row in tally.rows()) > 75
