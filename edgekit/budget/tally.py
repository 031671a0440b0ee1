"""A total that is either decided or has reasons why not."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.quantity import Method, Quantity


@dataclass(frozen=True)
class Reason:
    """Why something could not be counted: what is the matter, at which layer, how to mend it."""

    what: str
    where: str = ""
    mend: str = ""

    @property
    def text(self) -> str:
        """One clause for a person."""
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True)
class Tally:
    """A sum over the layers.

    Attributes:
        known: sum over all layers that could be counted: the total, or a lower bound where there are reasons.
        unit, method, convention, caveat: as of :class:`~edgekit.core.quantity.Quantity`.
        reasons: why it is not decided; empty where it is.
        parts: layer and its share of ``known``, for naming the layers that cost most.
        at_least: what the total cannot be below, where that is less than ``known``, which is then an estimate.
    """

    known: int
    unit: str
    method: Method
    reasons: tuple[Reason, ...] = ()
    convention: str = ""
    caveat: str = ""
    parts: tuple[tuple[str, int], ...] = ()
    at_least: int | None = None

    @property
    def quantity(self) -> Quantity | None:
        """The total; None while it is undecided."""
        return None if self.reasons else self.bound

    @property
    def bound(self) -> Quantity:
        """What could be counted, as a quantity."""
        return Quantity(self.known, self.unit, self.method, self.convention, self.caveat)

    @property
    def lower(self) -> int:
        """The total is not below this."""
        return self.known if self.at_least is None else self.at_least
