"""Learned weights."""

from __future__ import annotations

from edgekit.budget.judge import NARROWER, Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("parameter", order=10)
def parameters(case: Case) -> Finding:
    """The learned weights of the model, each counted once, stay within the limit."""
    return counted(case, NARROWER)
