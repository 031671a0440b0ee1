"""A number that says how it was obtained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from edgekit.core.errors import BadConfigError

Method = Literal["exact", "planned", "emulated", "measured", "estimated"]


@dataclass(frozen=True)
class Quantity:
    """A value with its unit and provenance.

    Attributes:
        value: the number; counts are ints.
        unit: "B", "MAC", "parameter", "instruction", "ms", "ratio", …
        method: exact (from the file), planned (by edgekit's planner), emulated (counted in an emulator),
            measured (on the machine named), estimated (a model, whose name is the convention).
        convention: which way of counting, for instance "true" or "dcase"; empty where there is only one.
        caveat: what a reader must know before using the number.
    """

    value: int | float
    unit: str
    method: Method
    convention: str = ""
    caveat: str = ""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise BadConfigError(f"unknown method {self.method!r}", mend=f"use one of {', '.join(get_args(Method))}")

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output; empty fields are left out."""
        out: dict[str, Any] = {"value": self.value, "unit": self.unit, "method": self.method}
        if self.convention:
            out["convention"] = self.convention
        if self.caveat:
            out["caveat"] = self.caveat
        return out
