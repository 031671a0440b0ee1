"""Several runs in the published shape: their facts, the Pareto front, a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.api.report_facts import ReportedRun
from edgekit.report.pareto import pareto


def report_content(done: Sequence[ReportedRun], *, compared: bool = False) -> dict[str, Any]:
    """The content of ``edgekit report --format json``.

    Args:
        done: the runs.
        compared: put the comparison of the first two in.
    """
    runs = [run.facts for run in done]
    return {
        "schema_version": 1,
        "runs": runs,
        "pareto": pareto(runs),
        "comparison": _comparison(*done[:2]) if compared else None,
    }


def _comparison(a: ReportedRun, b: ReportedRun) -> dict[str, Any]:
    """What changes from one run to another, model of the device against model of the device."""
    names = {"a": a.facts["name"], "b": b.facts["name"]}
    if a.primary is None or b.primary is None:
        missing = "accuracies are not compared: give the recordings that both are to be evaluated on with --data"
        return {**names, "answers": None, "missing": [missing]}
    from edgekit.train.evaluation.comparison import compare

    return {**names, "answers": compare(a.primary.evaluation, b.primary.evaluation).to_json(), "missing": []}
