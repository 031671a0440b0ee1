"""Rules of the TFLite lowering for functions of one value that have no operator of their own in the edge dialect."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph.functions import OPERATORS
from edgekit.graph.functions.kind import Operator
from edgekit.graph.passes.tflite_rule import Rule


def _function(operator: Operator) -> Rule:
    return lambda node, state: ("pointwise", {"expression": operator.expression(node.attrs)}, node.inputs[:1])


FUNCTIONS: Mapping[str, Rule] = {operator.tflite: _function(operator) for operator in OPERATORS if operator.tflite}
"""Operators of this file."""
