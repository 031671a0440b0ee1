"""Multiply-accumulates."""

from __future__ import annotations

from edgekit.budget.judge import Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("MAC", order=30, conventional=True)
def macs(case: Case) -> Finding:
    """The multiply-accumulates of one inference stay within the limit, in the budget's counting convention."""
    return counted(case, "stride or narrow the layers named, or give the front-end fewer mel bins or frames")
