"""Bytes of the weights."""

from __future__ import annotations

from edgekit.budget.judge import NARROWER, Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.units import format_count
from edgekit.core.verdict import Finding


@limit("B", order=20, conventional=True)
def parameter_bytes(case: Case) -> Finding:
    """The weights as the file stores them stay within the limit."""
    weights, stored = case.parameters, case.tally.known if case.tally else 0
    if weights is not None and weights <= case.limit < stored:
        return counted(case, f"int8 weights take about {format_count(weights, 'B')}: edgekit quantize")
    if weights is not None and stored < 2 * weights:  # already about a byte a weight
        return counted(case, NARROWER)
    return counted(case, "store the weights as int8 (edgekit quantize) or take a narrower width")
