"""Examples below the help of a command, as they are typed."""

from __future__ import annotations


def examples(*lines: str) -> str:
    r"""An epilog for :mod:`click`: the lines as they are.

    A paragraph that begins with ``\b`` is not filled like text.
    """
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
