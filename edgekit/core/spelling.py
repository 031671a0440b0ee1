"""What to say of a word that is not known: the nearest one that is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str], otherwise: str | None = None) -> str:
    """How to mend an unknown word.

    Args:
        word: what was written.
        known: what could have been meant.
        otherwise: said where nothing is near; "use one of …" when None.

    Returns:
        "did you mean 'x'?", or ``otherwise``.
    """
    names = list(known)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(word).lower(), lowered, n=1, cutoff=0.5)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    return f"use one of {', '.join(names)}" if otherwise is None else otherwise
