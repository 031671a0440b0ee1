"""Measured time of one inference."""

from __future__ import annotations

from edgekit.budget.judge import Case, measured
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("ms", order=100, measured=True)
def latency(case: Case) -> Finding:
    """The measured time of one inference on the target stays within the limit."""
    return measured(case, "reduce the MACs of the layers named, or choose a faster target")
