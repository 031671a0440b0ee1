"""Findings and verdicts from counts: what passes, what fails and how it is said, what stays undecided."""

from __future__ import annotations

from pathlib import Path

import pytest
from budget_models import conv_onnx

from edgekit.budget.check import check
from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.budget.tally import Reason, Tally
from edgekit.budget.toml import Budget
from edgekit.core.verdict import Finding, ModelVerdict
from edgekit.graph.readers.load import load_graph

# conv_onnx: 4 → 8 channels, 3 × 3, 10 × 20 positions: 57,600 MACs true, 59,200 dcase, 296 parameters in float32.


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    return count(load_graph(conv_onnx(tmp_path / "m.onnx")))


def judge(
    counts: Counts, counting: str = "true", measured: dict[str, float] | None = None, **limits: float
) -> ModelVerdict:
    latency = {key: limits.pop(key) for key in list(limits) if key.startswith("cortex")}
    budget = Budget("mine", limits, "a test", counting, latency=latency)
    return check("m.onnx", counts, budget, measured=measured)


def only(verdict: ModelVerdict) -> Finding:
    (finding,) = verdict.findings
    return finding


def test_a_limit_is_met_when_it_is_reached_exactly(counts: Counts) -> None:
    assert judge(counts, macs=57_600).outcome == "pass"
    assert judge(counts, macs=57_599).outcome == "fail"
    assert judge(counts, parameters=296, parameter_bytes=4 * 296).outcome == "pass"


def test_the_convention_decides(counts: Counts) -> None:
    assert judge(counts, macs=58_000, counting="true").outcome == "pass"
    assert judge(counts, macs=58_000, counting="dcase").outcome == "fail"


def test_a_failure_says_how_much_over_where_and_what_to_change(counts: Counts) -> None:
    finding = only(judge(counts, macs=50_000))
    assert finding.message == "57,600 MAC (true) exceed 50,000 MAC by 7,600 (15.2%); most in conv1 57,600 (100%)"
    assert finding.where == "conv1"
    assert finding.mend
    assert finding.actual is not None and finding.actual.value == 57_600
    assert finding.limit is not None and finding.limit.convention == "true"


def test_int8_is_proposed_where_it_alone_would_do(counts: Counts) -> None:
    assert "int8 weights take about 296 B" in only(judge(counts, parameter_bytes=500)).mend
    assert "int8" not in only(judge(counts, parameters=10)).mend


def test_float_operators_are_named_with_their_reasons(counts: Counts) -> None:
    message = only(judge(counts, float_ops=0)).message
    assert "conv1 (Conv) computes on float32 activations" in message
    assert "relu1 (Relu)" in message


def test_one_undecided_limit_makes_the_verdict_undecided(counts: Counts) -> None:
    verdict = judge(counts, macs=10**9, frontend_macs=10**9)
    assert [finding.outcome for finding in verdict.findings] == ["pass", "undecided"]
    assert verdict.outcome == "undecided"
    assert "--frontend" in verdict.findings[1].mend


def test_a_lower_bound_over_the_limit_fails_and_below_it_is_undecided(tmp_path: Path) -> None:
    model = count(load_graph(conv_onnx(tmp_path / "m.onnx")))
    partial = Tally(57_600, "MAC", "exact", (Reason("operator X has no rule", "x1", "replace it"),), "true")
    open_ended = Counts(model.layers, {**model.tallies, "macs_true": partial})
    assert only(judge(open_ended, macs=100)).outcome == "fail"
    assert only(judge(open_ended, macs=100)).message.startswith("at least 57,600 MAC")
    undecided = only(judge(open_ended, macs=10**9))
    assert (undecided.outcome, undecided.actual, undecided.where) == ("undecided", None, "x1")
    assert undecided.mend == "replace it"


def test_an_estimate_never_fails_and_weights_alone_do(counts: Counts) -> None:
    """296 weights take 1,184 B in float32; with the allowance for code the estimate is about 11 kB."""
    assert only(judge(counts, flash=1_000)).outcome == "fail"
    assert only(judge(counts, flash=5_000)).outcome == "undecided"
    assert "compile" in only(judge(counts, flash=5_000)).mend
    assert only(judge(counts, flash=1_000_000)).outcome == "pass"


@pytest.mark.parametrize("key,limit,good,bad", [("accuracy", 0.9, 0.9, 0.89), ("accuracy_drop", 0.01, 0.01, 0.02)])
def test_what_needs_a_measurement_is_undecided_without_one(
    counts: Counts, key: str, limit: float, good: float, bad: float
) -> None:
    assert judge(counts, **{key: limit}).outcome == "undecided"
    assert judge(counts, measured={key: good}, **{key: limit}).outcome == "pass"
    assert judge(counts, measured={key: bad}, **{key: limit}).outcome == "fail"


def test_latency_is_measured_on_its_target(counts: Counts) -> None:
    limits = {"cortex-m4": 20.0}
    assert judge(counts, **limits).outcome == "undecided"
    assert judge(counts, measured={"latency.cortex-m7": 1.0}, **limits).outcome == "undecided"
    assert judge(counts, measured={"latency.cortex-m4": 19.0}, **limits).outcome == "pass"
    assert judge(counts, measured={"latency.cortex-m4": 21.0}, **limits).outcome == "fail"
