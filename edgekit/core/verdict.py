"""What a gate answers: findings and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from edgekit.core.quantity import Quantity

Outcome = Literal["pass", "fail", "undecided"]
EXIT_CODES: dict[str, int] = {"pass": 0, "fail": 1, "undecided": 2}


@dataclass(frozen=True)
class Finding:
    """One rule applied to one model.

    Attributes:
        rule: identifier of the rule, for instance "macs".
        outcome: pass, fail, or undecided when the actual value is not known.
        message: the sentence that a user reads.
        actual, limit: both in the same unit and convention; None where not known or not applicable.
        where: the layer or file concerned.
        mend: what to change.
        demand: the rule itself, one sentence.
    """

    rule: str
    outcome: Outcome
    message: str
    actual: Quantity | None = None
    limit: Quantity | None = None
    where: str = ""
    mend: str = ""
    demand: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "rule": self.rule,
            "outcome": self.outcome,
            "message": self.message,
            "actual": self.actual.to_json() if self.actual else None,
            "limit": self.limit.to_json() if self.limit else None,
            "where": self.where,
            "mend": self.mend,
            "demand": self.demand,
        }


@dataclass(frozen=True)
class Suggestion:
    """A change to a model after which it would keep its budget, with the counts of the changed model.

    Attributes:
        remedy: "int8", "width", "stride", "mel bins" or "frames".
        change: what to change, for instance "channels 64 → 56".
        quantities: counts of the changed model, by the name of the limit that they answer.
    """

    remedy: str
    change: str
    quantities: dict[str, Quantity]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        quantities = {key: value.to_json() for key, value in self.quantities.items()}
        return {"remedy": self.remedy, "change": self.change, "quantities": quantities}


def worst(outcomes: list[Outcome]) -> Outcome:
    """``fail`` beats ``undecided`` beats ``pass``; nothing to judge is undecided, never a pass."""
    if not outcomes:
        return "undecided"
    order: tuple[Outcome, ...] = ("fail", "undecided", "pass")
    return min(outcomes, key=order.index)


@dataclass(frozen=True)
class ModelVerdict:
    """One model against one budget: the counts, what the rules found, and what would reach the budget.

    ``layers`` and ``memory`` are rows of plain values: a layer each, and a step of the memory plan each.
    """

    path: str
    budget: str
    outcome: Outcome
    quantities: dict[str, Quantity | None]
    findings: tuple[Finding, ...]
    layers: tuple[dict[str, Any], ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    memory: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The answer of the gate over all models and budgets of one call."""

    models: tuple[ModelVerdict, ...] = field(default_factory=tuple)

    @property
    def outcome(self) -> Outcome:
        """Worst of all models; ``undecided`` when there was none."""
        return worst([model.outcome for model in self.models])

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 undecided."""
        return EXIT_CODES[self.outcome]
