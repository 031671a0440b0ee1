"""Operators in floating point."""

from __future__ import annotations

from edgekit.budget.judge import Case, counted
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("op", order=70)
def float_ops(case: Case) -> Finding:
    """No more operators than the limit compute in floating point."""
    named = [f"{layer.name} ({layer.op}) {layer.float_reason}" for layer in case.layers if layer.float_reason]
    more = f"; and {len(named) - 5} more" if len(named) > 5 else ""
    mend = "quantize the operators named (edgekit quantize), or replace them by ones with an integer form"
    return counted(case, mend, "; " + "; ".join(named[:5]) + more)
