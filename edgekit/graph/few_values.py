"""Weights that four bits tell apart."""

from __future__ import annotations

import numpy as np

MOST_VALUES = 16
"""Different values that four bits tell apart."""
_FIRST = 4096


def few_valued(values: np.ndarray) -> bool:
    """Whether there are at most :data:`MOST_VALUES` different values; the first few thousand mostly tell."""
    flat = values.reshape(-1)
    return len(np.unique(flat[:_FIRST])) <= MOST_VALUES and len(np.unique(flat)) <= MOST_VALUES
