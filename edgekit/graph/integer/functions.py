"""Functions of one value as expressions: what the ``pointwise`` operator computes, in float and as a table of 256.

An expression is "x", a number, or (function name, argument, …) of a key of FUNCTIONS; GELU is
("mul", ("mul", "x", 0.5), ("add", ("erf", ("div", "x", 1.41…)), 1.0)). TFLM has none of these functions; it
gathers from the table (export/table_lookup.py) and the generated C looks up: the same bytes on every road.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import erf as erf_of_one
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError

Expression = Any
"""Nested tuples as above."""

MAX_DEPTH = 64
"""Calls inside calls; far more than any activation has."""


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, of each value that occurs once."""
    values, places = np.unique(x, return_inverse=True)
    table = np.array([erf_of_one(value) for value in values], np.float64)
    return table[places].reshape(x.shape)


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


FUNCTIONS: Mapping[str, tuple[int, Callable[..., np.ndarray]]] = {
    "add": (2, np.add),
    "sub": (2, np.subtract),
    "mul": (2, np.multiply),
    "div": (2, np.divide),
    "pow": (2, np.power),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "neg": (1, np.negative),
    "abs": (1, np.abs),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "erf": (1, erf),
    "tanh": (1, np.tanh),
    "logistic": (1, logistic),
    "softplus": (1, lambda x: np.logaddexp(x, 0)),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
}
"""Name to number of arguments and function of float64 values."""


def evaluate(expression: Expression, x: np.ndarray, depth: int = 0) -> np.ndarray:
    """The expression for float64 values x of any shape; NaN counts as 0, infinity as the largest float32.

    Raises:
        BadFileError: an unknown function, a wrong number of arguments, or nesting beyond MAX_DEPTH.
    """
    with np.errstate(all="ignore"):
        value = np.broadcast_to(_value(expression, np.asarray(x, np.float64), depth), np.shape(x))
        return np.clip(np.nan_to_num(value, nan=0.0), -3e38, 3e38)


def _value(expression: Expression, x: np.ndarray, depth: int) -> np.ndarray:
    if isinstance(expression, str) and expression == "x":
        return x
    if isinstance(expression, int | float):
        return np.float64(expression)  # type: ignore[return-value]
    known = FUNCTIONS.get(expression[0]) if isinstance(expression, tuple) and expression else None
    if known is None or len(expression) != known[0] + 1 or depth > MAX_DEPTH:
        raise BadFileError(f"a function of one value that is not understood: {expression!r:.80}")
    return known[1](*(_value(part, x, depth + 1) for part in expression[1:]))


def names(expression: Expression) -> set[str]:
    """Functions that occur in an expression."""
    if not isinstance(expression, tuple):
        return set()
    return {expression[0]}.union(*(names(part) for part in expression[1:]))
