"""Exponential, logarithm, and the sigmoids made of them."""

from __future__ import annotations

from math import erf as erf_of_one

import numpy as np

from edgekit.graph.functions.kind import Function


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, of each value that occurs once."""
    values, places = np.unique(x, return_inverse=True)
    table = np.array([erf_of_one(value) for value in values], np.float64)
    return table[places].reshape(x.shape)


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def softplus(x: np.ndarray) -> np.ndarray:
    """ln(1 + eˣ) without overflow."""
    return np.asarray(np.logaddexp(x, 0))


FUNCTIONS = (
    Function("exp", 1, np.exp, "Exp", "exp", "EXP"),
    Function("log", 1, np.log, "Log", "log", "LOG"),
    Function("erf", 1, erf, "Erf", "erf"),
    Function("tanh", 1, np.tanh, "Tanh", "tanh", own=True),
    Function("logistic", 1, logistic, "Sigmoid", "sigmoid", own=True),
    Function("softplus", 1, softplus, "Softplus", "nn.functional.softplus"),
)
