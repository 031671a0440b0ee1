"""Counts against a budget: one finding a limit, and the verdict that follows from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from edgekit.budget.counts import Counts, LayerCount
from edgekit.budget.judge import Case
from edgekit.budget.limits import LIMITS
from edgekit.budget.limits.kind import LimitKind
from edgekit.budget.ram import KEYS as RAM_KEYS
from edgekit.budget.tally import Reason, Tally
from edgekit.budget.toml import Budget
from edgekit.core.errors import EdgekitError
from edgekit.core.verdict import Finding, ModelVerdict, worst

READABLE = "readable"
"""Rule of the finding about a model that could not be read."""
READABLE_RULE = "The file is a model that can be read; one that cannot be read is never passed."

BY_CONVENTION = "macs"
"""Multiplications in the budget's convention: a limit answers to it, reports show both conventions instead."""
_TALLIES = {
    "parameters": "parameters",
    "parameter_bytes": "parameter_bytes_{counting}",
    BY_CONVENTION: "macs_{counting}",
    "macs_true": "macs_true",
    "macs_dcase": "macs_dcase",
    "other_ops": "other_ops",
    **{key: key for key in RAM_KEYS},
    "flash": "flash",
    "frontend_macs": "frontend_macs",
    "float_ops": "float_ops",
}
"""Name of a limit, or of a figure beside it, to the tally that answers it."""


def check(
    path: str,
    counts: Counts,
    budget: Budget,
    *,
    frontend: Tally | None = None,
    measured: Mapping[str, float] | None = None,
) -> ModelVerdict:
    """Judge one model against one budget.

    Args:
        path: the model, for the report.
        counts: of :func:`edgekit.budget.counting.count`.
        budget: the limits and their counting convention.
        frontend: multiplications of the front-end, None when no front-end is known.
        measured: "accuracy", "accuracy_drop" (shares) and "latency.TARGET" (ms), where somebody measured them.
    """
    tallies = select(counts, budget.counting, frontend)
    quantities = {key: tally.quantity for key, tally in tallies.items() if key != BY_CONVENTION}
    weights = counts.tallies["parameters"].quantity

    def judge(kind: LimitKind, rule: str, limit: int | float) -> Finding:
        case = Case(
            rule=rule,
            unit=kind.unit,
            sense=kind.sense,
            conventional=kind.conventional,
            limit=limit,
            tally=tallies.get(rule),
            parameters=int(weights.value) if weights else None,
            layers=counts.layers,
            measured=measured,
        )
        return dataclasses.replace(kind.judge(case), demand=kind.rule)

    findings = [judge(LIMITS[key], key, limit) for key, limit in budget.limits.items()]
    findings += [judge(LIMITS["latency"], f"latency.{target}", limit) for target, limit in budget.latency.items()]
    outcome = worst([finding.outcome for finding in findings])
    memory = tuple(moment.to_json() for moment in counts.memory)
    return ModelVerdict(path, budget.name, outcome, quantities, tuple(findings), layer_rows(counts), memory=memory)


def layer_rows(counts: Counts) -> tuple[dict[str, Any], ...]:
    """The layers as rows of a report: plain values, None where a count is undecided."""
    return tuple(_row(layer) for layer in counts.layers)


def select(counts: Counts, counting: str, frontend: Tally | None) -> dict[str, Tally]:
    """The tallies by the name of the limit that they answer, in the convention ``counting``; MACs in both as well."""
    missing = Tally(0, "MAC", "estimated", (Reason("no front-end is known", "", "give one: --frontend SPEC"),))
    tallies = {**counts.tallies, "frontend_macs": frontend or missing}
    return {
        **{key: tallies[name.format(counting=counting)] for key, name in _TALLIES.items()},
        **{key: kind.tally(counts) for key, kind in LIMITS.items() if kind.tally},
    }


def unreadable(path: str, budget: Budget, error: EdgekitError) -> ModelVerdict:
    """The verdict about a model that could not be read: undecided, with the error as its only finding."""
    where, mend = error.where or path, error.mend or "give a readable model"
    finding = Finding(READABLE, "undecided", error.what, where=where, mend=mend, demand=READABLE_RULE)
    keys = [key for key in (*_TALLIES, *(key for key, kind in LIMITS.items() if kind.tally)) if key != BY_CONVENTION]
    return ModelVerdict(path, budget.name, "undecided", dict.fromkeys(keys), (finding,))


def _row(layer: LayerCount) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "output": layer.output,
        "parameters": layer.parameters,
        "parameter_bytes": layer.parameter_bytes,
        "buffer_bytes": layer.buffer_bytes,
        "macs_true": layer.work.true if layer.work else None,
        "macs_dcase": layer.work.dcase if layer.work else None,
        "other_ops": layer.other.total if layer.other else None,
        "float_reason": layer.float_reason,
        "undecided": layer.undecided,
        "rule": layer.rule,
    }
