"""How much a count may grow from one version of a model to the next: ``macs=5%``, ``parameter_bytes=2kB``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.budget.limits import LIMITS
from edgekit.core.comparison import Change
from edgekit.core.errors import BadConfigError
from edgekit.core.quantity import Quantity
from edgekit.core.spelling import did_you_mean
from edgekit.core.units import format_count
from edgekit.core.verdict import Finding

KEYS: tuple[str, ...] = tuple(key for key, kind in LIMITS.items() if not kind.measured)
"""Counts whose increase can be bounded."""

RULE = "The count does not grow by more than the bound from the base to the head."


@dataclass(frozen=True)
class Bound:
    """The largest increase of one count.

    Attributes:
        key: a name of :data:`KEYS`.
        share: of the base, None where ``absolute`` is given.
        absolute: in the count's unit.
    """

    key: str
    share: float | None = None
    absolute: int | None = None

    def allowed(self, base: int | float) -> float:
        """The largest increase over ``base``."""
        return self.absolute if self.absolute is not None else base * (self.share or 0.0)

    @property
    def text(self) -> str:
        """As a person writes it."""
        unit = LIMITS[self.key].unit
        return format_count(self.absolute, unit) if self.absolute is not None else f"{self.share or 0:.3%}"


def parse_bounds(given: Mapping[str, str]) -> tuple[Bound, ...]:
    """Bounds from ``{"macs": "5%", "parameter_bytes": "2 kB"}``.

    Raises:
        BadConfigError: an unknown count, or neither a share nor a count in its unit.
    """
    return tuple(_bound(key, text) for key, text in given.items())


def _bound(key: str, text: str) -> Bound:
    where = f"--max-increase {key}"
    if key not in KEYS:
        raise BadConfigError(f"unknown count {key!r}", where="--max-increase", mend=did_you_mean(key, KEYS))
    stripped = text.strip()
    if not stripped.endswith("%"):
        return Bound(key, absolute=int(LIMITS[key].parse(stripped, where=where)))
    try:
        share = float(stripped.removesuffix("%")) / 100.0
    except ValueError as error:
        raise BadConfigError(f"{text!r} is not a share", where=where, mend='write for instance "5%"') from error
    if not 0.0 <= share < float("inf"):
        raise BadConfigError(f"{text!r} is not a share of 0 or more", where=where, mend='write for instance "5%"')
    return Bound(key, share=share)


def judge_increase(bound: Bound, change: Change) -> Finding:
    """Hold one change against its bound; undecided where either side is."""
    rule = f"max_increase.{bound.key}"
    unit = LIMITS[bound.key].unit
    if change.base is None or change.head is None or change.delta is None:
        side = "base" if change.base is None else "head"
        mend = "see what check-budget says about that side"
        return Finding(rule, "undecided", f"not decided: {bound.key} of the {side}", None, None, "", mend, RULE)
    delta = change.delta
    share = f" ({change.ratio:+.2%})" if change.ratio is not None else ""
    grown = f"{delta:+,} {unit}{share} from {format_count(change.base.value)} to {format_count(change.head.value)}"
    allowed = Quantity(bound.allowed(change.base.value), unit, "exact", change.head.convention)
    actual = Quantity(delta, unit, change.head.method, change.head.convention)
    if delta > allowed.value:
        message = f"{grown}; at most {bound.text} is allowed"
        mend = "see the layers that changed, or raise the bound knowingly"
        return Finding(rule, "fail", message, actual, allowed, "", mend, RULE)
    return Finding(rule, "pass", f"{grown}; {bound.text} is allowed", actual, allowed, "", "", RULE)
