"""Sine and cosine."""

from __future__ import annotations

import numpy as np

from edgekit.graph.functions.kind import Function

FUNCTIONS = (
    Function("sin", 1, np.sin, "Sin", "sin", "SIN"),
    Function("cos", 1, np.cos, "Cos", "cos", "COS"),
)
