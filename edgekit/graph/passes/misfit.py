"""How shape rules say that shapes or attributes do not fit together."""

from __future__ import annotations


class Misfit(Exception):
    """A condition of a shape rule does not hold; the message names it."""


def need(condition: bool, text: str) -> None:
    """Raise :class:`Misfit` with ``text`` unless ``condition`` holds."""
    if not condition:
        raise Misfit(text)
