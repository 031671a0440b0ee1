"""x·σ(c·x) as a product of x with its gate, which have int16 forms; the table of a pointwise operator is int8 alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor


def open_gates(graph: Graph) -> Graph:
    """``graph`` with SiLU, and GELU in its form x·σ(1.702·x), as logistic and mul.

    The product keeps the operator's name and output. In int8 the table is better: one rounding instead of three. In a
    model that otherwise computes in int16, it is what brings its activations down to 8 bits.
    """
    nodes: list[Node] = []
    tensors: list[Tensor] = []
    for node in graph.nodes:
        factor = gate_factor(node.attrs["expression"]) if node.op == "pointwise" else None
        if factor is None:
            nodes.append(node)
            continue
        made, own = _opened(graph, node, factor)
        nodes += made
        tensors += own
    return graph.rebuild(nodes, tensors) if tensors else graph


def gate_factor(expression: Any) -> float | None:
    """The c of an expression x·σ(c·x), its factors in any order; None of any other."""
    sides = _factors(expression)
    if sides is None or "x" not in sides:
        return None
    gate = sides[1] if sides[0] == "x" else sides[0]
    if isinstance(gate, str | int | float) or gate[0] != "logistic":
        return None
    if gate[1] == "x":
        return 1.0
    inner = _factors(gate[1])
    if inner is None or "x" not in inner:
        return None
    factor = inner[1] if inner[0] == "x" else inner[0]
    return float(factor) if isinstance(factor, int | float) else None


def _factors(expression: Any) -> tuple[Any, Any] | None:
    if isinstance(expression, str | int | float) or expression[0] != "mul":
        return None
    return expression[1], expression[2]


def _opened(graph: Graph, node: Node, factor: float) -> tuple[list[Node], list[Tensor]]:
    source, shape = node.inputs[0], graph.tensor(node.outputs[0])
    tensors = [shape.replace(name=f"{node.name}/gate:0")]
    nodes, argument, attrs = [], source, {"activation": "none"}
    if factor != 1.0:
        dims = (1,) * len(shape.dims)
        constant = Tensor(f"{node.name}/factor", dims, "float32", data=np.full(dims, factor, np.float32))
        scaled = shape.replace(name=f"{node.name}/scaled:0")
        nodes.append(
            Node("mul", f"{node.name}/scaled", (source, constant.name), (scaled.name,), {"activation": "none"})
        )
        tensors += [constant, scaled]
        argument = scaled.name
    nodes.append(Node("logistic", f"{node.name}/gate", (argument,), (tensors[0].name,), {}))
    nodes.append(Node("mul", node.name, (source, tensors[0].name), node.outputs, attrs))
    return nodes, tensors
