"""Join ONNX operators that together are a function of one value: GELU in any spelling, SiLU, Mish, softplus, …

Each becomes one ``pointwise`` operator, which is a table of 256 in int8: one rounding instead of one an operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.functions import MAX_DEPTH, Expression, names

BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Min": "min", "Max": "max"}
UNARY = {
    "Erf": "erf", "Tanh": "tanh", "Sigmoid": "logistic", "Exp": "exp", "Log": "log", "Softplus": "softplus",
    "Neg": "neg", "Abs": "abs", "Sin": "sin", "Cos": "cos",
}  # fmt: skip
FOREIGN = frozenset({"erf", "exp", "log", "softplus", "sin", "cos", "abs", "neg", "min", "max"})
"""Functions that the edge dialect has no operator of its own for."""
POINTWISE = "edgekit pointwise"
"""Operator of the joined node; no ONNX operator has such a name."""


def _elu(alpha: float, gamma: float = 1.0, steepness: float = 1.0) -> Expression:
    """γ · (max(x, 0) + α · (exp(min(x, 0) · steepness) − 1))."""
    below = ("mul", ("sub", ("exp", ("mul", ("min", "x", 0.0), steepness)), 1.0), alpha)
    return ("mul", ("add", ("max", "x", 0.0), below), gamma)


_PARAMETRIC: Mapping[str, tuple[Mapping[str, float], Callable[..., Expression]]] = {
    "Elu": ({"alpha": 1.0}, _elu),
    "Selu": ({"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}, _elu),
    "Celu": ({"alpha": 1.0}, lambda alpha: _elu(alpha, 1.0, 1.0 / alpha)),
    "HardSigmoid": (
        {"alpha": 0.2, "beta": 0.5},
        lambda alpha, beta: ("min", ("max", ("add", ("mul", "x", alpha), beta), 0.0), 1.0),
    ),
    "Softsign": ({}, lambda: ("div", "x", ("add", ("abs", "x"), 1.0))),
}
"""Operators with attributes: their defaults (ONNX) and what they compute."""


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
    for node in graph.nodes:
        form = _form(node, forms, scalars)
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
    if node.op == "Gelu":
        return _applied(_gelu(node), [node.inputs[0]], forms, scalars)
    if node.op in _PARAMETRIC:
        defaults, form = _PARAMETRIC[node.op]
        numbers = [float(node.attrs.get(name, value)) for name, value in defaults.items()]
        return _applied(form(*numbers), [node.inputs[0]], forms, scalars)
    if node.op in UNARY and len(node.inputs) == 1:
        return _applied((UNARY[node.op], "x"), list(node.inputs), forms, scalars)
    if node.op in BINARY and len(node.inputs) == 2:
        return _applied((BINARY[node.op], 0, 1), list(node.inputs), forms, scalars)
    return None


def _gelu(node: Node) -> Expression:
    """ONNX operator Gelu (opset 20)."""
    if node.attrs.get("approximate", "none") == "tanh":
        cubic = ("add", "x", ("mul", 0.044715, ("pow", "x", 3.0)))
        inner: Expression = ("tanh", ("mul", float(np.sqrt(2 / np.pi)), cubic))
    else:
        inner = ("erf", ("mul", "x", float(np.sqrt(0.5))))
    return ("mul", ("mul", "x", 0.5), ("add", inner, 1.0))


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
