"""Operator names written as running text, so that the tables stay readable."""

from __future__ import annotations


def op_names(text: str) -> frozenset[str]:
    """The words of ``text``."""
    return frozenset(text.split())
