"""QDQ ONNX forms of batch_matmul and of functions that are tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.export.onnx_layout import as_nchw, as_nhwc
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.functions import Expression
from edgekit.graph.integer.lookup import prepare_lookup

if TYPE_CHECKING:
    from edgekit.export.qdq_ops import Emit

_OPERATORS: Mapping[str, str] = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "min": "Min", "max": "Max", "neg": "Neg",
    "abs": "Abs", "exp": "Exp", "log": "Log", "erf": "Erf", "tanh": "Tanh", "logistic": "Sigmoid",
    "softplus": "Softplus", "sin": "Sin", "cos": "Cos",
}  # fmt: skip


def _batch_matmul(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    sides = []
    for name, source, adjoint in zip(inputs, node.inputs, ("adj_x", "adj_y"), strict=True):
        rank = len(graph.tensor(source).dims)
        side = as_nhwc(builder, name, rank, node.name)
        if node.attrs[adjoint]:
            perm = [*range(rank - 2), rank - 1, rank - 2]
            side = builder.node("Transpose", [side], f"{node.name}/{adjoint}", perm=perm)
        sides.append(side)
    result = builder.node("MatMul", sides, f"{node.name}/matmul")
    return as_nchw(builder, result, len(graph.tensor(node.outputs[0]).dims), node.name)


def _pointwise(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    return _expression(builder, node.attrs["expression"], inputs[0], f"{node.name}/f")


def _expression(builder: OnnxBuilder, expression: Expression, x: str, name: str) -> str:
    if expression == "x":
        return x
    if isinstance(expression, int | float):
        return builder.constant(f"{name}/value", np.array(expression, np.float32))
    parts = [_expression(builder, part, x, f"{name}/{i}") for i, part in enumerate(expression[1:])]
    return builder.node(_OPERATORS[expression[0]], parts, f"{name}/{expression[0]}")


def _lookup(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    """The table's real values, gathered by the integer that the dequantized input stands for."""
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    (scale, zero_point), (scale_out, zero_out) = source.scale_zero(), output.scale_zero()
    table = prepare_lookup(graph, node).table.astype(np.float64)
    real = builder.constant(f"{node.name}/values", ((table - zero_out) * scale_out).astype(np.float32))
    divisor = builder.constant(f"{node.name}/step", np.array(scale, np.float32))
    offset = builder.constant(f"{node.name}/offset", np.array(128 + zero_point, np.float32))
    steps = builder.node("Round", [builder.node("Div", [inputs[0], divisor], f"{node.name}/steps")], f"{node.name}/q")
    index = builder.node("Cast", [builder.node("Add", [steps, offset], f"{node.name}/at")], f"{node.name}/index", to=7)
    return builder.node("Gather", [real, index], f"{node.name}/lookup", axis=0)


PRODUCTS: Mapping[str, Emit] = {"batch_matmul": _batch_matmul, "pointwise": _pointwise, "lookup": _lookup}
"""Operators of this file."""
