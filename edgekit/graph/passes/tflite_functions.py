"""Rules of the TFLite lowering for functions of one value that have no operator of their own in the edge dialect."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.graph import Node
from edgekit.graph.integer.functions import Expression
from edgekit.graph.passes.tflite_rule import Lowered, Rule, State

_EXPRESSIONS: Mapping[str, Expression] = {
    "SQRT": ("pow", ("max", "x", 0.0), 0.5),
    "EXP": ("exp", "x"),
    "LOG": ("log", "x"),
    "ABS": ("abs", "x"),
    "NEG": ("neg", "x"),
    "SIN": ("sin", "x"),
    "COS": ("cos", "x"),
    "ELU": ("add", ("max", "x", 0.0), ("sub", ("exp", ("min", "x", 0.0)), 1.0)),
    "RELU_N1_TO_1": ("min", ("max", "x", -1.0), 1.0),
}
"""TFLite operator to what it computes."""


def _function(expression: Expression) -> Rule:
    return lambda node, state: ("pointwise", {"expression": expression}, node.inputs[:1])


def _gelu(node: Node, state: State) -> Lowered:
    inner: Expression = ("erf", ("mul", "x", 0.5**0.5))
    if node.attrs.get("approximate", False):
        cubic = ("add", "x", ("mul", 0.044715, ("pow", "x", 3.0)))
        inner = ("tanh", ("mul", (2 / np.pi) ** 0.5, cubic))
    return "pointwise", {"expression": ("mul", ("mul", "x", 0.5), ("add", inner, 1.0))}, node.inputs[:1]


FUNCTIONS: Mapping[str, Rule] = {
    **{op: _function(expression) for op, expression in _EXPRESSIONS.items()},
    "GELU": _gelu,
}
"""Operators of this file."""
