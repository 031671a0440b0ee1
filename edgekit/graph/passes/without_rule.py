"""Operators of an ONNX graph that the edge dialect has no form for, all at once."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower_onnx import RULES
from edgekit.graph.passes.onnx_pointwise import join_pointwise

_CONSTANT = frozenset({"Shape", "Size"})
"""Operators whose result does not depend on the values that they read."""


def operators_without_rule(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """Layers by operator, in order, of those that depend on the input and that lowering has no rule for.

    An operator whose particular form is not carried does not show here: only :func:`edgekit.graph.passes.lower.lower`
    finds those, one at a time.
    """
    active = set(graph.inputs)
    found: dict[str, list[str]] = {}
    for node in join_pointwise(graph).nodes:
        if not active.intersection(node.inputs) or node.op in _CONSTANT:
            continue
        active.update(node.outputs)
        if node.op not in RULES:
            found.setdefault(node.op, []).append(node.name)
    return {op: tuple(layers) for op, layers in found.items()}
