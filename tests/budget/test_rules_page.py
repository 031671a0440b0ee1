"""docs/rules.md is what the rules say now, and findings print the same sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from budget_models import conv_onnx

from edgekit.budget.check import check
from edgekit.budget.counting import count
from edgekit.budget.limits import LIMITS
from edgekit.budget.rules.tables import DIALECTS, table
from edgekit.budget.rules_page import rules_page
from edgekit.budget.toml import Budget
from edgekit.graph.readers.load import load_graph

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "run scripts/generate-docs"


@pytest.mark.parametrize("key", LIMITS)
def test_every_limit_states_itself_in_one_sentence(key: str) -> None:
    sentence = LIMITS[key].rule
    assert sentence.endswith(".") and len(sentence) > 30
    assert sentence in PAGE.read_text(encoding="utf-8")


def test_every_operator_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for operators in map(table, DIALECTS):
        assert not [op for op in (*operators.rules, *operators.undecidable) if f"`{op}`" not in text]


def test_a_finding_and_a_layer_carry_the_sentence_of_the_page(tmp_path: Path) -> None:
    counts = count(load_graph(conv_onnx(tmp_path / "m.onnx")))
    verdict = check("m.onnx", counts, Budget("mine", {"macs": 1}, "a test"))
    assert verdict.findings[0].demand == LIMITS["macs"].rule
    words = " ".join(PAGE.read_text(encoding="utf-8").replace("\n> ", " ").split())
    assert verdict.layers[0]["rule"].startswith("A convolution costs") and verdict.layers[0]["rule"] in words
