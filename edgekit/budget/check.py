"""Counts against a budget: one finding a limit, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.budget.counting import Counts, LayerCount
from edgekit.budget.limits import LIMITS, LimitKind
from edgekit.budget.tally import Reason, Tally
from edgekit.budget.toml import Budget
from edgekit.core.errors import EdgekitError
from edgekit.core.quantity import Quantity
from edgekit.core.units import format_count
from edgekit.core.verdict import Finding, ModelVerdict, Outcome, worst

READABLE = "readable"
"""Rule of the finding about a model that could not be read."""


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
    quantities = {key: tally.quantity for key, tally in tallies.items() if key != "macs"}
    findings = [
        _measured(LIMITS[key], key, limit, measured or {})
        if LIMITS[key].measured
        else _counted(LIMITS[key], limit, tallies[key], counts)
        for key, limit in budget.limits.items()
    ]
    for target, limit in budget.latency.items():
        findings.append(_measured(LIMITS["latency"], f"latency.{target}", limit, measured or {}))
    outcome = worst([finding.outcome for finding in findings])
    rows = tuple(_row(layer) for layer in counts.layers)
    return ModelVerdict(path, budget.name, outcome, quantities, tuple(findings), rows)


def select(counts: Counts, counting: str, frontend: Tally | None) -> dict[str, Tally]:
    """The tallies by the name of the limit that they answer, in the convention ``counting``; MACs in both as well."""
    tallies = counts.tallies
    missing = Tally(0, "MAC", "estimated", (Reason("no front-end is known", "", "give one: --frontend SPEC"),))
    return {
        "parameters": tallies["parameters"],
        "parameter_bytes": tallies[f"parameter_bytes_{counting}"],
        "macs": tallies[f"macs_{counting}"],
        "macs_true": tallies["macs_true"],
        "macs_dcase": tallies["macs_dcase"],
        "peak_ram": tallies["peak_ram"],
        "flash": tallies["flash"],
        "frontend_macs": frontend or missing,
        "float_ops": tallies["float_ops"],
    }


def unreadable(path: str, budget: Budget, error: EdgekitError) -> ModelVerdict:
    """The verdict about a model that could not be read: undecided, with the error as its only finding."""
    finding = Finding(
        READABLE, "undecided", error.what, where=error.where or path, mend=error.mend or "give a readable model"
    )
    keys = (
        "parameters",
        "parameter_bytes",
        "macs_true",
        "macs_dcase",
        "peak_ram",
        "flash",
        "frontend_macs",
        "float_ops",
    )
    return ModelVerdict(path, budget.name, "undecided", dict.fromkeys(keys), (finding,))


def _counted(kind: LimitKind, limit: int | float, tally: Tally, counts: Counts) -> Finding:
    """A limit that the file answers; what could be counted fails it even where the rest is undecided."""
    bound = Quantity(limit, kind.unit, "exact", tally.convention if kind.conventional else "")
    label = f"{kind.unit} ({tally.convention})" if kind.conventional else kind.unit
    if tally.lower > limit:
        floor = "" if tally.quantity and tally.at_least is None else "at least "
        over = tally.lower - limit
        share = f" ({over / limit:.1%})" if limit else ""
        message = (
            f"{floor}{format_count(tally.lower, label)} exceed {format_count(limit, kind.unit)} "
            f"by {format_count(over)}{share}{_costliest(kind, tally, counts)}"
        )
        return Finding(kind.key, "fail", message, tally.bound, bound, _where(tally), _mend(kind, tally, counts, limit))
    if tally.quantity is None:
        first, more = tally.reasons[0], len(tally.reasons) - 1
        others = f", and {more} more" if more else ""
        message = f"not decided: {first.text}{others}"
        return Finding(kind.key, "undecided", message, None, bound, first.where, first.mend)
    if tally.known > limit:
        message = f"not decided: estimated {format_count(tally.known, label)} exceed {format_count(limit, kind.unit)}"
        return Finding(kind.key, "undecided", message, tally.bound, bound, "", "edgekit compile gives the exact size")
    message = f"{format_count(tally.known, label)} of {format_count(limit, kind.unit)}"
    return Finding(kind.key, "pass", message, tally.bound, bound)


def _measured(kind: LimitKind, rule: str, limit: float, measured: Mapping[str, float]) -> Finding:
    """A limit that only a measurement answers."""
    bound = Quantity(limit, kind.unit, "exact")
    if rule not in measured:
        message = f"not decided: no measurement of {rule} is given, {kind.sense} {limit:g} {kind.unit} is demanded"
        return Finding(rule, "undecided", message, None, bound, "", f"measure it and give --measured {rule}=…")
    value = measured[rule]
    kept = value >= limit if kind.sense == "at least" else value <= limit
    outcome: Outcome = "pass" if kept else "fail"
    message = f"{value:g} {kind.unit}, {kind.sense} {limit:g} {kind.unit} is demanded"
    actual = Quantity(value, kind.unit, "measured", caveat="as given by the caller")
    return Finding(rule, outcome, message, actual, bound, "", "" if kept else kind.mend)


def _top(tally: Tally, number: int = 3) -> list[tuple[str, int]]:
    return sorted(tally.parts, key=lambda part: -part[1])[:number]


def _where(tally: Tally) -> str:
    return ", ".join(name for name, _ in _top(tally))


def _costliest(kind: LimitKind, tally: Tally, counts: Counts) -> str:
    """The layers that cost most, with their share; for float operators the reasons."""
    if kind.key == "float_ops":
        named = [f"{layer.name} ({layer.op}) {layer.float_reason}" for layer in counts.layers if layer.float_reason]
        return "; " + "; ".join(named[:5]) + (f"; and {len(named) - 5} more" if len(named) > 5 else "")
    parts = [f"{name} {amount:,} ({amount / tally.known:.0%})" for name, amount in _top(tally)]
    return f"; most in {', '.join(parts)}" if parts else ""


def _mend(kind: LimitKind, tally: Tally, counts: Counts, limit: int | float) -> str:
    """What to change; int8 weights where they alone would do."""
    parameters = counts.tallies["parameters"].quantity
    if kind.key == "parameter_bytes" and parameters and parameters.value <= limit < tally.known:
        return f"int8 weights take about {format_count(parameters.value, 'B')}: edgekit quantize"
    if kind.key == "parameter_bytes" and parameters and tally.known < 2 * parameters.value:
        return LIMITS["parameters"].mend  # already about a byte a weight
    return kind.mend


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
        "float_reason": layer.float_reason,
        "undecided": layer.undecided,
    }
