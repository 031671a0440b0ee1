"""Functions of one value: what an expression is made of, and how files spell what expressions compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Expression = Any
"""Nested tuples: "x", a number, or (function name, argument, …) of a key of :data:`edgekit.graph.functions.FUNCTIONS`.
GELU is ("mul", ("mul", "x", 0.5), ("add", ("erf", ("div", "x", 1.41…)), 1.0))."""


@dataclass(frozen=True)
class Function:
    """One function that expressions are made of.

    Attributes:
        name: in expressions.
        arguments: how many it takes.
        compute: of float64 arrays.
        onnx: ONNX operator that computes it.
        torch: path of PyTorch's function below ``torch``, for training on it.
        tflite: TFLite operator that is this function of one value, "" where there is none.
        own: the edge dialect has an operator of its own for it; it is no table unless something else makes it one.
    """

    name: str
    arguments: int
    compute: Callable[..., np.ndarray]
    onnx: str
    torch: str
    tflite: str = ""
    own: bool = False


@dataclass(frozen=True)
class Operator:
    """One operator of files that is an expression.

    Attributes:
        expression: of the operator's attributes in the file.
        onnx, tflite: its names; "" where a format has none, or where a rule of its own reads it.
    """

    expression: Callable[[Mapping[str, Any]], Expression]
    onnx: str = ""
    tflite: str = ""
