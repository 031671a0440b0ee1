"""What a budget can limit: one small function a limit, whose docstring is the rule.

The first paragraph of a docstring is the sentence that findings and docs/rules.md print.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgekit.budget.judge import Case, counted, measured
from edgekit.core.units import format_count, parse_count, parse_milliseconds, parse_ratio
from edgekit.core.verdict import Finding

COUNTINGS: tuple[str, ...] = ("true", "dcase")
"""Names of the counting conventions (DESIGN: Counting)."""

TARGETS: tuple[str, ...] = (
    "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55",
    "rpi3", "rpi4", "rpi5", "cpu", "cuda",
)  # fmt: skip
"""Targets on which a latency can be limited."""

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
        measured: True when no file can answer it, so that a measurement has to be given.
        conventional: True when the number depends on the counting convention.
    """

    key: str
    unit: str
    sense: Sense
    judge: Judge
    measured: bool = False
    conventional: bool = False

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


LIMITS: dict[str, LimitKind] = {}
"""Every limit that a budget may hold, in the order of the report."""


def _limit(
    unit: str, sense: Sense = "at most", *, measured: bool = False, conventional: bool = False
) -> Callable[[Judge], Judge]:
    """Decorator: file the function under its name in :data:`LIMITS`."""

    def put(judge: Judge) -> Judge:
        LIMITS[judge.__name__] = LimitKind(judge.__name__, unit, sense, judge, measured, conventional)
        return judge

    return put


_NARROWER = "take a narrower width or fewer blocks"


@_limit("parameter")
def parameters(case: Case) -> Finding:
    """The learned weights of the model, each counted once, stay within the limit."""
    return counted(case, _NARROWER)


@_limit("B", conventional=True)
def parameter_bytes(case: Case) -> Finding:
    """The weights as the file stores them stay within the limit."""
    weights, stored = case.parameters, case.tally.known if case.tally else 0
    if weights is not None and weights <= case.limit < stored:
        return counted(case, f"int8 weights take about {format_count(weights, 'B')}: edgekit quantize")
    if weights is not None and stored < 2 * weights:  # already about a byte a weight
        return counted(case, _NARROWER)
    return counted(case, "store the weights as int8 (edgekit quantize) or take a narrower width")


@_limit("MAC", conventional=True)
def macs(case: Case) -> Finding:
    """The multiply-accumulates of one inference stay within the limit, in the budget's counting convention."""
    return counted(case, "stride or narrow the layers named, or give the front-end fewer mel bins or frames")


@_limit("B")
def peak_ram(case: Case) -> Finding:
    """The activation arena of the memory plan stays within the limit."""
    return counted(case, "stride earlier, narrow the widest activations, or run in int8 (edgekit quantize)")


@_limit("B")
def flash(case: Case) -> Finding:
    """Weights, quantization tables and code stay within the limit.

    Before anything is compiled the size is an estimate: weights alone over the limit fail it, an estimate over the
    limit leaves it undecided.
    """
    integer = case.parameters is not None and case.tally is not None and case.tally.lower < 2 * case.parameters
    cure = _NARROWER if integer else "store the weights as int8 (edgekit quantize) or take a narrower width"
    return counted(case, f"{cure}; edgekit compile gives the exact size")


@_limit("MAC")
def frontend_macs(case: Case) -> Finding:
    """The multiplications of the front-end over one clip stay within the limit."""
    return counted(case, "take a longer hop, a shorter FFT or fewer mel bins")


@_limit("op")
def float_ops(case: Case) -> Finding:
    """No more operators than the limit compute in floating point."""
    named = [f"{layer.name} ({layer.op}) {layer.float_reason}" for layer in case.layers if layer.float_reason]
    more = f"; and {len(named) - 5} more" if len(named) > 5 else ""
    mend = "quantize the operators named (edgekit quantize), or replace them by ones with an integer form"
    return counted(case, mend, "; " + "; ".join(named[:5]) + more)


@_limit("ratio", "at least", measured=True)
def accuracy(case: Case) -> Finding:
    """The measured accuracy reaches the limit."""
    return measured(case, "train longer, distil from a teacher, or spend the rest of the budget on width")


@_limit("ratio", measured=True)
def accuracy_drop(case: Case) -> Finding:
    """The measured accuracy lost against the float model stays within the limit."""
    return measured(case, "calibrate on more clips or train quantization-aware")


@_limit("ms", measured=True)
def latency(case: Case) -> Finding:
    """The measured time of one inference on the target stays within the limit."""
    return measured(case, "reduce the MACs of the layers named, or choose a faster target")
