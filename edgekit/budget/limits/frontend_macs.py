"""Multiplications of the front-end."""

from __future__ import annotations

from edgekit.budget.judge import Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("MAC", order=60)
def frontend_macs(case: Case) -> Finding:
    """The multiplications of the front-end over one clip stay within the limit."""
    return counted(case, "take a longer hop, a shorter FFT or fewer mel bins")
