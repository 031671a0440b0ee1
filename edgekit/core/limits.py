"""Ranges of a recipe's numbers."""

from __future__ import annotations

from edgekit.core.errors import BadConfigError


def check_limits(where: str, **limits: tuple[float, float, float]) -> None:
    """Each keyword is (value, lowest, highest).

    Raises:
        BadConfigError: a value lies outside, or is not a number.
    """
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:  # false for NaN as well
            raise BadConfigError(f"{name} = {value} is out of range", where=where, mend=f"use {low:g} to {high:g}")
