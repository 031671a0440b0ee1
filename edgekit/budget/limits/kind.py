"""One key of a budget's ``[limits]``: how it is written, and how a number is held against it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgekit.budget.judge import Case
from edgekit.budget.tally import Tally
from edgekit.core.units import parse_count, parse_milliseconds, parse_ratio
from edgekit.core.verdict import Finding

if TYPE_CHECKING:
    from edgekit.budget.counts import Counts

Judge = Callable[[Case], Finding]
Sense = Literal["at most", "at least"]


@dataclass(frozen=True)
class LimitKind:
    """One key of a budget's ``[limits]``.

    Attributes:
        key: the key in the file, and the rule's identifier in findings.
        unit: unit of the Quantity ("B", "MAC", "parameter", "op", "ratio", "ms").
        sense: "at most" or "at least".
        judge: the rule.
        order: place in reports, from the top.
        measured: True when no file can answer it, so that a measurement has to be given.
        conventional: True when the number depends on the counting convention.
        tally: makes the number of what was counted; None for those that counting.py itself gives.
    """

    key: str
    unit: str
    sense: Sense
    judge: Judge
    order: int
    measured: bool = False
    conventional: bool = False
    tally: Callable[[Counts], Tally] | None = None

    @property
    def rule(self) -> str:
        """The sentence that says what is demanded: the first paragraph of the rule's docstring."""
        return " ".join((inspect.getdoc(self.judge) or "").split("\n\n")[0].split())

    def parse(self, text: object, *, where: str) -> int | float:
        """Read a limit of this kind from a TOML value.

        Raises:
            BadConfigError: wrong unit, negative, not a number.
        """
        if self.unit == "ratio":
            return parse_ratio(text, where=where)
        if self.unit == "ms":
            return parse_milliseconds(text, where=where)
        return parse_count(text, self.unit, where=where)


FILED: dict[str, LimitKind] = {}
"""Limits by key, in the order in which their modules were imported."""


def limit(
    unit: str,
    *,
    order: int,
    sense: Sense = "at most",
    measured: bool = False,
    conventional: bool = False,
    tally: Callable[[Counts], Tally] | None = None,
) -> Callable[[Judge], Judge]:
    """Decorator: file the function under its name; the attributes are those of :class:`LimitKind`."""

    def put(judge: Judge) -> Judge:
        FILED[judge.__name__] = LimitKind(judge.__name__, unit, sense, judge, order, measured, conventional, tally)
        return judge

    return put
