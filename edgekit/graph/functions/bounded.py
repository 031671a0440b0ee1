"""Functions that stay within bounds: hard sigmoid, softsign, and TFLite's ReLU between −1 and 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.graph.functions.kind import Expression, Operator


def _hard_sigmoid(attrs: Mapping[str, Any]) -> Expression:
    """max(0, min(1, α · x + β)) (ONNX HardSigmoid)."""
    line = ("add", ("mul", "x", float(attrs.get("alpha", 0.2))), float(attrs.get("beta", 0.5)))
    return ("min", ("max", line, 0.0), 1.0)


OPERATORS = (
    Operator(_hard_sigmoid, onnx="HardSigmoid"),
    Operator(lambda attrs: ("div", "x", ("add", ("abs", "x"), 1.0)), onnx="Softsign"),
    Operator(lambda attrs: ("min", ("max", "x", -1.0), 1.0), tflite="RELU_N1_TO_1"),
)
