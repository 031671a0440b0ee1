"""How long work tells its caller where it is: the room reports, the command line draws."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)``; ``total`` 0 means unknown. Called often: it must be cheap."""


def silent(what: str, done: int, total: int) -> None:
    """The progress of a caller that does not want to know."""
