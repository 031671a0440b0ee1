"""QDQ ONNX forms of batch_matmul, table functions, resizing, and minimum, maximum and squared_difference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.export.onnx_layout import as_nchw, as_nhwc
from edgekit.export.qdq_emit import Emit
from edgekit.graph.functions import FUNCTIONS
from edgekit.graph.functions.kind import Expression
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.lookup import prepare_lookup
from edgekit.graph.integer.resize import gathered_axes


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
    return builder.node(FUNCTIONS[expression[0]].onnx, parts, f"{name}/{expression[0]}")


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


def _pair(kind: str) -> Emit:
    """Min and Max with broadcasting, in the graph's order of axes."""

    def write(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
        ranks = [len(graph.tensor(name).dims) for name in (*node.inputs, *node.outputs)]
        sides = [as_nhwc(builder, name, rank, node.name) for name, rank in zip(inputs, ranks[:2], strict=True)]
        if kind == "SquaredDifference":
            difference = builder.node("Sub", sides, f"{node.name}/difference")
            result = builder.node("Mul", [difference, difference], f"{node.name}/square")
        else:
            result = builder.node(kind, sides, f"{node.name}/{node.op}")
        return as_nchw(builder, result, ranks[2], node.name)

    return write


def _gather(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    """resize_nearest, mirror_pad: a Gather along every axis on which elements move."""
    dims = graph.tensor(node.inputs[0]).dims
    x = as_nhwc(builder, inputs[0], len(dims), node.name)
    for axis, line in enumerate(gathered_axes(node.op, node.attrs, dims)):
        if line != tuple(range(dims[axis])):
            places = builder.constant(f"{node.name}/places{axis}", np.array(line, np.int64))
            x = builder.node("Gather", [x, places], f"{node.name}/gather{axis}", axis=axis)
    return as_nchw(builder, x, len(dims), node.name)


def _bilinear(builder: OnnxBuilder, graph: Graph, node: Node, inputs: list[str]) -> str:
    size = graph.tensor(node.outputs[0]).dims
    target = builder.constant(f"{node.name}/sizes", np.array((size[0], size[3], *size[1:3]), np.int64))
    centres = "half_pixel" if node.attrs["half_pixel"] else "asymmetric"
    centres = "align_corners" if node.attrs["align_corners"] else centres
    attributes = {"mode": "linear", "coordinate_transformation_mode": centres}
    return builder.node("Resize", [inputs[0], "", "", target], f"{node.name}/resize", **attributes)


PRODUCTS: Mapping[str, Emit] = {
    "batch_matmul": _batch_matmul,
    "pointwise": _pointwise,
    "lookup": _lookup,
    "minimum": _pair("Min"),
    "maximum": _pair("Max"),
    "squared_difference": _pair("SquaredDifference"),
    "prelu": _pair("PRelu"),
    "resize_nearest": _gather,
    "mirror_pad": _gather,
    "gather": _gather,
    "resize_bilinear": _bilinear,
}
"""Operators of this file."""
