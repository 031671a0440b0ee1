"""Join ONNX operators that together are a function of one value: GELU in any spelling, SiLU, Mish, softplus, …

Each becomes one ``pointwise`` operator, which is a table of 256 in int8: one rounding instead of one an operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.graph.functions import FUNCTIONS, OPERATORS
from edgekit.graph.functions.kind import Expression, Operator
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.functions import MAX_DEPTH, names

BINARY: Mapping[str, str] = {item.onnx: item.name for item in FUNCTIONS.values() if item.arguments == 2}
"""ONNX operators of two values that are functions of one, where both sides come from the same value."""
UNARY: Mapping[str, Operator] = {operator.onnx: operator for operator in OPERATORS if operator.onnx}
"""ONNX operators that are a function of one value."""
FOREIGN = frozenset(item.name for item in FUNCTIONS.values() if not item.own)
"""Functions that the edge dialect has no operator of its own for."""
_STRAIGHT = 16.0
"""From here on x and ln(1 + eˣ) differ by less than float32 tells apart."""
POINTWISE = "edgekit pointwise"
"""Operator of the joined node; no ONNX operator has such a name."""


@dataclass(frozen=True)
class _Form:
    """A value as an expression of another one, and how many calls deep."""

    root: str
    expression: Expression
    depth: int


def join_pointwise(graph: Graph) -> Graph:
    """``graph`` with a ``pointwise`` node (attribute ``expression``) where nodes compute a function of one value.

    Left alone: what has an operator of its own (relu, logistic, tanh, arithmetic with constants), and squares.
    """
    scalars = _scalars(graph)
    forms: dict[str, _Form] = {}
    above = {node.outputs[0]: node.inputs for node in graph.nodes if node.op == "Greater" and len(node.inputs) == 2}
    for node in graph.nodes:
        form = _form(node, forms, scalars) or _softplus(node, forms, scalars, above)
        if form is not None and form.depth < MAX_DEPTH:
            forms[node.outputs[0]] = form
    consumers = graph.consumers()
    joined: dict[str, Node] = {}
    for node in graph.nodes:
        form = forms.get(node.outputs[0]) if node.outputs else None
        if form is None or not _worthwhile(form.expression):
            continue
        readers = consumers.get(node.outputs[0], [])
        grown = [reader for reader in readers if forms.get(reader.outputs[0], form).root == form.root]
        inside = bool(readers) and all(r in grown and r.outputs[0] in forms for r in readers)
        if not inside or node.outputs[0] in graph.outputs:
            joined[node.name] = Node(
                POINTWISE, node.name, (form.root,), node.outputs[:1], {"expression": form.expression}
            )
    return _without_unread(graph, joined) if joined else graph


def _scalars(graph: Graph) -> dict[str, float]:
    """Constants of one element by name."""
    found = {}
    for name, tensor in graph.tensors.items():
        data = tensor.data
        if data is not None and data.size == 1 and data.dtype.kind == "f":
            found[name] = float(np.ravel(data)[0])
    for node in graph.nodes:
        value = node.attrs.get("value") if node.op == "Constant" else None
        if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind == "f":
            found[node.outputs[0]] = float(np.ravel(value)[0])
    return found


def _form(node: Node, forms: Mapping[str, _Form], scalars: Mapping[str, float]) -> _Form | None:
    """What ``node`` makes as an expression; None where it is no function of one value."""
    if not node.outputs or not node.inputs or node.outputs[0] in scalars:
        return None
    if node.op in UNARY:
        return _applied(UNARY[node.op].expression(node.attrs), [node.inputs[0]], forms, scalars)
    if node.op in BINARY and len(node.inputs) == 2:
        return _applied((BINARY[node.op], 0, 1), list(node.inputs), forms, scalars)
    return None


def _softplus(
    node: Node, forms: Mapping[str, _Form], scalars: Mapping[str, float], above: Mapping[str, tuple[str, ...]]
) -> _Form | None:
    """PyTorch's softplus, x > 20 ? x : ln(1 + eˣ), is its second branch: the first only keeps eˣ from overflowing."""
    if node.op != "Where" or len(node.inputs) != 3:
        return None
    condition, high, low = node.inputs
    compared, bound = above.get(condition, ("", ""))
    smooth, line = forms.get(low), forms.get(high, _Form(high, "x", 0))
    if smooth is None or compared != high or scalars.get(bound, 0.0) < _STRAIGHT:
        return None
    same = smooth.root == line.root and smooth.expression == ("softplus", line.expression)
    return smooth if same else None


def _applied(
    template: Expression, inputs: list[str], forms: Mapping[str, _Form], scalars: Mapping[str, float]
) -> _Form | None:
    """The template with its inputs' expressions, over their common root; over the input itself where there is none."""
    values = [name for name in inputs if name not in scalars]
    if not values:
        return None
    roots = {forms[name].root if name in forms else name for name in values}
    if len(roots) == 1:
        parts = {name: forms.get(name, _Form(name, "x", 0)) for name in values}
    elif len(set(values)) == 1:
        parts = {values[0]: _Form(values[0], "x", 0)}
    else:
        # One side may be the other's root: x · f(x), where x is itself made of something.
        parts = {}
        for root in values:
            if all(name == root or (name in forms and forms[name].root == root) for name in values):
                parts = {name: _Form(root, "x", 0) if name == root else forms[name] for name in values}
        if not parts:
            return None
    depth = 1 + max(part.depth for part in parts.values())
    whole = [scalars[name] if name in scalars else parts[name].expression for name in inputs]
    return _Form(next(iter(parts.values())).root, _filled(template, whole), depth + 4)


def _filled(template: Expression, arguments: list[Expression]) -> Expression:
    """Positions 0 and 1 (integers) and "x" of a template replaced by arguments."""
    if isinstance(template, tuple):
        return (template[0], *(_filled(part, arguments) for part in template[1:]))
    if template == "x":
        return arguments[0]
    return arguments[template] if isinstance(template, int) else template


def _worthwhile(expression: Expression) -> bool:
    """Whether it holds a function without operator of its own, or the product of a value and its gate."""
    if names(expression) & FOREIGN or _raised(expression):
        return True
    return _gated(expression)


def _raised(expression: Expression) -> bool:
    """Whether it holds another power than the square and the square root."""
    if not isinstance(expression, tuple):
        return False
    if expression[0] == "pow" and expression[2] not in (2.0, 0.5):
        return True
    return any(_raised(part) for part in expression[1:])


def _gated(expression: Expression) -> bool:
    if not isinstance(expression, tuple):
        return False
    if expression[0] == "mul" and all(not isinstance(part, float) for part in expression[1:]):
        return bool(names(expression) & {"logistic", "tanh"})
    return any(_gated(part) for part in expression[1:])


def _without_unread(graph: Graph, joined: Mapping[str, Node]) -> Graph:
    """The graph with joined nodes, and without those that nothing reads any more."""
    nodes = [joined.get(node.name, node) for node in graph.nodes]
    needed = set(graph.outputs)
    kept = []
    for node in reversed(nodes):
        if needed.isdisjoint(node.outputs):
            continue
        needed.update(node.inputs)
        kept.append(node)
    return graph.rebuild(reversed(kept))
