"""Activation memory."""

from __future__ import annotations

from edgekit.budget.judge import Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("B", order=40)
def peak_ram(case: Case) -> Finding:
    """The activation arena of the memory plan stays within the limit."""
    return counted(case, "stride earlier, narrow the widest activations, or run in int8 (edgekit quantize)")
