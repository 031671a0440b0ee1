"""How a number is held against a limit: the part that all limit rules share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgekit.budget.tally import Tally
from edgekit.core.quantity import Quantity
from edgekit.core.units import format_count
from edgekit.core.verdict import Finding, Outcome

if TYPE_CHECKING:
    from edgekit.budget.counts import LayerCount

MOST = 3
"""Layers that a failed rule names."""
NARROWER = "take a narrower width or fewer blocks"
"""What several rules advise."""


@dataclass(frozen=True)
class Case:
    """One limit and what is known about the model.

    Attributes:
        rule: identifier of the finding ("macs", "latency.cortex-m4").
        unit: unit of the limit.
        sense: whether the limit is a ceiling or a floor.
        conventional: the number depends on the counting convention.
        limit: the limit in its base unit.
        tally: what was counted; None for limits that only a measurement answers.
        parameters: learned weights of the model, where they could be counted.
        layers: rows of the model, for naming those that are concerned.
        measured: measurements that the caller gave, by rule.
    """

    rule: str
    unit: str
    sense: Literal["at most", "at least"]
    conventional: bool
    limit: int | float
    tally: Tally | None = None
    parameters: int | None = None
    layers: tuple[LayerCount, ...] = ()
    measured: Mapping[str, float] | None = None


def counted(case: Case, mend: str, costliest: str | None = None) -> Finding:
    """A limit that the file answers; what could be counted fails it even where the rest is undecided.

    Args:
        case: the limit and the tally.
        mend: what usually brings a model under it.
        costliest: names what costs most; None names the layers with the largest shares.
    """
    tally, limit = case.tally, case.limit
    if tally is None:
        raise ValueError(f"limit {case.rule} is answered by the file, but nothing was counted for it")
    bound = Quantity(limit, case.unit, "exact", tally.convention if case.conventional else "")
    label = f"{case.unit} ({tally.convention})" if case.conventional else case.unit
    if tally.lower > limit:
        floor = "" if tally.quantity and tally.at_least is None else "at least "
        over = tally.lower - limit
        share = f" ({over / limit:.1%})" if limit else ""
        most = _costliest(tally) if costliest is None else costliest
        message = (
            f"{floor}{format_count(tally.lower, label)} exceed {format_count(limit, case.unit)} "
            f"by {format_count(over)}{share}{most}"
        )
        return Finding(case.rule, "fail", message, tally.bound, bound, _where(tally), mend)
    if tally.quantity is None:
        first, more = tally.reasons[0], len(tally.reasons) - 1
        others = f", and {more} more" if more else ""
        message = f"not decided: {first.text}{others}"
        return Finding(case.rule, "undecided", message, None, bound, first.where, first.mend)
    if tally.known > limit:
        message = f"not decided: estimated {format_count(tally.known, label)} exceed {format_count(limit, case.unit)}"
        exact = "edgekit compile gives the exact size"
        return Finding(case.rule, "undecided", message, tally.bound, bound, "", exact)
    message = f"{format_count(tally.known, label)} of {format_count(limit, case.unit)}"
    return Finding(case.rule, "pass", message, tally.bound, bound)


def measured(case: Case, mend: str) -> Finding:
    """A limit that only a measurement answers; undecided without one."""
    bound = Quantity(case.limit, case.unit, "exact")
    demanded = f"{case.sense} {case.limit:g} {case.unit} is demanded"
    given = case.measured or {}
    if case.rule not in given:
        message = f"not decided: no measurement of {case.rule} is given, {demanded}"
        cure = f"measure it and give --measured {case.rule}=…"
        return Finding(case.rule, "undecided", message, None, bound, "", cure)
    value = given[case.rule]
    kept = value >= case.limit if case.sense == "at least" else value <= case.limit
    outcome: Outcome = "pass" if kept else "fail"
    actual = Quantity(value, case.unit, "measured", caveat="as given by the caller")
    return Finding(case.rule, outcome, f"{value:g} {case.unit}, {demanded}", actual, bound, "", "" if kept else mend)


def _top(tally: Tally) -> list[tuple[str, int]]:
    return sorted(tally.parts, key=lambda part: -part[1])[:MOST]


def _where(tally: Tally) -> str:
    return ", ".join(name for name, _ in _top(tally))


def _costliest(tally: Tally) -> str:
    """The layers that cost most, with their share of what could be counted."""
    parts = [f"{name} {amount:,} ({amount / tally.known:.0%})" for name, amount in _top(tally)]
    return f"; most in {', '.join(parts)}" if parts else ""
