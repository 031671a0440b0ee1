"""Flash."""

from __future__ import annotations

from edgekit.budget.judge import NARROWER, Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("B", order=50)
def flash(case: Case) -> Finding:
    """Weights, quantization tables and code stay within the limit.

    Before anything is compiled the size is an estimate: weights alone over the limit fail it, an estimate over the
    limit leaves it undecided.
    """
    integer = case.parameters is not None and case.tally is not None and case.tally.lower < 2 * case.parameters
    cure = NARROWER if integer else "store the weights as int8 (edgekit quantize) or take a narrower width"
    return counted(case, f"{cure}; edgekit compile gives the exact size")
