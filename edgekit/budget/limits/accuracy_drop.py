"""Measured loss of accuracy."""

from __future__ import annotations

from edgekit.budget.judge import Case, measured
from edgekit.budget.limits.kind import limit
from edgekit.core.verdict import Finding


@limit("ratio", order=90, measured=True)
def accuracy_drop(case: Case) -> Finding:
    """The measured accuracy lost against the float model stays within the limit."""
    return measured(case, "calibrate on more clips or train quantization-aware")
