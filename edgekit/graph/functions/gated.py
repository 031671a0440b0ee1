"""Gated activations that files have an operator for: Mish (Misra 2020)."""

from __future__ import annotations

from edgekit.graph.functions.kind import Operator

OPERATORS = (Operator(lambda attrs: ("mul", "x", ("tanh", ("softplus", "x"))), onnx="Mish"),)
