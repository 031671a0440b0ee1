"""Measured accuracy."""

from __future__ import annotations

from edgekit.budget.judge import Case, measured
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("ratio", order=80, sense="at least", measured=True)
def accuracy(case: Case) -> Finding:
    """The measured accuracy reaches the limit."""
    return measured(case, "train longer, distil from a teacher, or spend the rest of the budget on width")
