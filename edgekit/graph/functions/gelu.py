"""GELU (Hendrycks and Gimpel 2016), exact by erf or approximated by tanh."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any

from edgekit.graph.functions.kind import Expression, Operator


def _gelu(attrs: Mapping[str, Any]) -> Expression:
    """``approximate`` is "tanh" or "none" in ONNX (opset 20), true or false in TFLite."""
    inner: Expression = ("erf", ("mul", "x", 0.5**0.5))
    if attrs.get("approximate") in ("tanh", True):
        cubic = ("add", "x", ("mul", 0.044715, ("pow", "x", 3.0)))
        inner = ("tanh", ("mul", (2 / pi) ** 0.5, cubic))
    return ("mul", ("mul", "x", 0.5), ("add", inner, 1.0))


OPERATORS = (Operator(_gelu, "Gelu", "GELU"),)
