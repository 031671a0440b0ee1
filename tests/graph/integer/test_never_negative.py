"""Expressions that are said never to be negative are not, on values of all sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.graph.integer.functions import evaluate, never_negative

VALUES = np.concatenate([-np.logspace(-6, 4, 400), [0.0], np.logspace(-6, 4, 400)])
ANYWHERE: list[Any] = [
    ("max", "x", 0.01),
    ("max", 0.0, ("mul", "x", -2.0)),
    ("pow", "x", 2.0),
    ("mul", "x", "x"),
    ("add", ("exp", "x"), 0.5),
    ("pow", ("abs", "x"), 0.5),
    ("min", ("max", "x", 0.0), 1.0),
    ("div", ("softplus", "x"), ("logistic", "x")),
]
OF_POSITIVE: list[Any] = ["x", ("add", "x", 1.0), ("mul", "x", 3.0), ("tanh", "x"), ("pow", "x", 3.0)]
NEITHER: list[Any] = [("sub", "x", 1.0), ("mul", "x", -1.0), ("min", "x", -1.0), ("log", "x"), ("add", "x", -1.0)]


@pytest.mark.parametrize("expression", ANYWHERE, ids=str)
def test_for_all_values(expression: Any) -> None:
    assert never_negative(expression)
    assert evaluate(expression, VALUES).min() >= 0


@pytest.mark.parametrize("expression", OF_POSITIVE, ids=str)
def test_for_positive_values_only(expression: Any) -> None:
    assert not never_negative(expression)
    assert never_negative(expression, of_positive=True)
    assert evaluate(expression, VALUES[VALUES >= 0]).min() >= 0
    assert evaluate(expression, VALUES).min() < 0


@pytest.mark.parametrize("expression", NEITHER, ids=str)
def test_what_may_be_negative(expression: Any) -> None:
    assert not never_negative(expression, of_positive=True)
    assert evaluate(expression, VALUES[VALUES > 0]).min() < 0
