"""Two versions of a model side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgekit.core.quantity import Quantity
from edgekit.core.verdict import EXIT_CODES, Finding, Outcome, worst

Status = Literal["added", "removed", "changed", "unchanged", "unreadable"]


@dataclass(frozen=True)
class Change:
    """One count before and after.

    Attributes:
        key: name of the count, for instance "macs_true".
        base, head: None where it is not decided, or where the model does not exist on that side.
    """

    key: str
    base: Quantity | None
    head: Quantity | None

    @property
    def delta(self) -> int | float | None:
        """The head's count less the base's; None where one of them is not known."""
        return self.head.value - self.base.value if self.base and self.head else None

    @property
    def ratio(self) -> float | None:
        """The delta as a share of the base; None where there is none."""
        return self.delta / self.base.value if self.delta is not None and self.base and self.base.value else None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        base, head = (side.to_json() if side else None for side in (self.base, self.head))
        return {"key": self.key, "base": base, "head": head, "delta": self.delta, "ratio": self.ratio}


@dataclass(frozen=True)
class LayerChange:
    """One layer that is new, gone, or costs another amount; ``base`` and ``head`` are rows of a verdict."""

    kind: Literal["added", "removed", "changed"]
    base: dict[str, Any] | None
    head: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {"kind": self.kind, "base": self.base, "head": self.head}


@dataclass(frozen=True)
class ModelDiff:
    """One model of the two sides.

    Attributes:
        name: what both sides call it.
        status: what happened to it.
        base, head: the files; None on the side where there is none.
        changes: every count, changed or not.
        layers: those that changed.
        findings: what bounds and budgets say about the head: budget name (None for a bound on the increase), finding.
    """

    name: str
    status: Status
    base: str | None
    head: str | None
    changes: tuple[Change, ...] = ()
    layers: tuple[LayerChange, ...] = ()
    findings: tuple[tuple[str | None, Finding], ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Worst of the findings; pass without any, for then nothing was demanded."""
        return worst([finding.outcome for _, finding in self.findings]) if self.findings else "pass"


@dataclass(frozen=True)
class Comparison:
    """Everything that two versions of the models differ in."""

    models: tuple[ModelDiff, ...]

    @property
    def outcome(self) -> Outcome:
        """Worst of all models."""
        return worst([model.outcome for model in self.models])

    @property
    def exit_code(self) -> int:
        """0 within all bounds and budgets, 1 over one, 2 undecided."""
        return EXIT_CODES[self.outcome]
