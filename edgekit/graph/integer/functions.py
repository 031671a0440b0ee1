"""Expressions of one value evaluated (graph/functions has what they are made of)."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.functions import FUNCTIONS
from edgekit.graph.functions.kind import Expression

MAX_DEPTH = 64
"""Calls inside calls; far more than any activation has."""


def evaluate(expression: Expression, x: np.ndarray, depth: int = 0) -> np.ndarray:
    """The expression for float64 values x of any shape; NaN counts as 0, infinity as the largest float32.

    Raises:
        BadFileError: an unknown function, a wrong number of arguments, or nesting beyond MAX_DEPTH.
    """
    with np.errstate(all="ignore"):
        value = np.broadcast_to(_value(expression, np.asarray(x, np.float64), depth), np.shape(x))
        result: np.ndarray = np.clip(np.nan_to_num(value, nan=0.0), -3e38, 3e38)
        return result


def _value(expression: Expression, x: np.ndarray, depth: int) -> np.ndarray:
    if isinstance(expression, str) and expression == "x":
        return x
    if isinstance(expression, int | float):
        return np.float64(expression)  # type: ignore[return-value]
    known = FUNCTIONS.get(expression[0]) if isinstance(expression, tuple) and expression else None
    if known is None or len(expression) != known.arguments + 1 or depth > MAX_DEPTH:
        raise BadFileError(f"a function of one value that is not understood: {expression!r:.80}")
    return known.compute(*(_value(part, x, depth + 1) for part in expression[1:]))


def names(expression: Expression) -> set[str]:
    """Functions that occur in an expression."""
    if not isinstance(expression, tuple):
        return set()
    return {expression[0]}.union(*(names(part) for part in expression[1:]))


def never_negative(expression: Expression, of_positive: bool = False) -> bool:
    """Whether an expression gives nothing negative, as far as its functions say; ``of_positive``: where x is ≥ 0."""
    if not isinstance(expression, tuple):
        return of_positive if isinstance(expression, str) else expression >= 0
    name, *arguments = expression
    parts = [never_negative(part, of_positive) for part in arguments]
    if name in _POSITIVE:
        return True
    if name == "max":
        return any(parts)
    if name == "pow":
        return parts[0] or (isinstance(arguments[1], float) and arguments[1] % 2 == 0)
    if name == "mul" and arguments[0] == arguments[1]:
        return True
    return name in _KEEPING and all(parts)


_POSITIVE = frozenset({"exp", "logistic", "softplus", "abs"})
_KEEPING = frozenset({"min", "add", "mul", "div", "tanh", "erf"})
"""Functions that give nothing negative if their arguments are not."""
