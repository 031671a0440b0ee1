"""Exponential linear units: ELU (Clevert et al. 2015), SELU (Klambauer et al. 2017), CELU (Barron 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.functions.kind import Expression, Operator


def _elu(alpha: float, gamma: float = 1.0, steepness: float = 1.0) -> Expression:
    """γ · (max(x, 0) + α · (exp(min(x, 0) · steepness) − 1))."""
    below = ("sub", ("exp", _times(("min", "x", 0.0), steepness)), 1.0)
    return _times(("add", ("max", "x", 0.0), _times(below, alpha)), gamma)


def _times(expression: Expression, factor: float) -> Expression:
    return expression if factor == 1.0 else ("mul", expression, factor)


def _number(attrs: Mapping[str, Any], name: str, default: float) -> float:
    return float(attrs.get(name, default))


def _celu(attrs: Mapping[str, Any]) -> Expression:
    alpha = _number(attrs, "alpha", 1.0)
    if alpha == 0:
        raise BadFileError("Celu with alpha 0", mend="export the model again")
    return _elu(alpha, 1.0, 1.0 / alpha)


def _selu(attrs: Mapping[str, Any]) -> Expression:
    # ONNX's defaults, given there to float32.
    return _elu(_number(attrs, "alpha", 1.67326319217681884765625), _number(attrs, "gamma", 1.05070102214813232421875))


OPERATORS = (
    Operator(lambda attrs: _elu(_number(attrs, "alpha", 1.0)), onnx="Elu"),
    Operator(lambda attrs: _elu(1.0), tflite="ELU"),
    Operator(_selu, onnx="Selu"),
    Operator(_celu, onnx="Celu"),
)
