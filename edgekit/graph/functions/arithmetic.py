"""Arithmetic: with a constant or between functions of the same value."""

from __future__ import annotations

import numpy as np

from edgekit.graph.functions.kind import Function, Operator

FUNCTIONS = (
    Function("add", 2, np.add, "Add", "add", own=True),
    Function("sub", 2, np.subtract, "Sub", "sub", own=True),
    Function("mul", 2, np.multiply, "Mul", "mul", own=True),
    Function("div", 2, np.divide, "Div", "div", own=True),
    Function("pow", 2, np.power, "Pow", "pow", own=True),
    Function("min", 2, np.minimum, "Min", "minimum"),
    Function("max", 2, np.maximum, "Max", "maximum"),
    Function("neg", 1, np.negative, "Neg", "neg", "NEG"),
    Function("abs", 1, np.abs, "Abs", "abs", "ABS"),
)

# ONNX's Sqrt has a rule of its own: what is divided by it is multiplied by rsqrt instead.
OPERATORS = (
    Operator(lambda attrs: ("pow", ("max", "x", 0.0), 0.5), tflite="SQRT"),
    Operator(lambda attrs: ("pow", "x", 2.0), tflite="SQUARE"),
)
