"""Operators that run another graph: a branch, a loop, a scan, a call.

A branch costs its dearer side, a loop its body as often as it can run: what is counted is the most that one inference
can cost. Where the file does not say how often a body runs, the operator is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.budget.layer import Work
from edgekit.budget.rules.other import Other
from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node

TRIPS = "trips"
"""Attribute that readers set: how often the body runs at most."""

ONCE = frozenset({"If", "IF", "CALL", "CALL_ONCE", "STABLEHLO_COMPOSITE"})
"""Operators that run one of their graphs, once (CALL_ONCE: before the first inference)."""

REPEATED = frozenset({"Loop", "Scan", "WHILE", "STABLEHLO_WHILE"})
"""Operators that run all their graphs, over and over."""

_OF_ONNX = frozenset({"If", "Loop", "Scan"})
"""Those of the ONNX dialect; the others are TFLite's."""

CHECKED = frozenset({"WHILE", "STABLEHLO_WHILE"})
"""Operators whose first graph is the condition, which runs once more than the body."""


def known(op: str, dialect: str) -> bool:
    """``op`` runs a graph in that dialect, where upper and lower case are two operators."""
    return op in ONCE | REPEATED and (op in _OF_ONNX) == (dialect == "onnx")


def bodies(node: Node) -> Mapping[str, Graph]:
    """Attribute to graph of the graphs that ``node`` runs."""
    return {key: value for key, value in node.attrs.items() if isinstance(value, Graph)}


def combined(node: Node, costs: Sequence[Work]) -> Work:
    """Work of an operator whose graphs cost ``costs`` in one run each.

    Raises:
        UnsupportedOpError: how often they run is not known.
    """
    number, choose = runs(node), sum if node.op in REPEATED else max
    last = costs[0] if node.op in CHECKED else Work()
    true = number * choose([cost.true for cost in costs]) + last.true
    return Work(true, number * choose([cost.dcase for cost in costs]) + last.dcase)


def combined_other(node: Node, costs: Sequence[Other]) -> Other:
    """Other arithmetic of an operator whose graphs cost ``costs`` in one run each; raises as :func:`combined`."""
    number, whole = runs(node), Other()
    for cost in costs:
        whole = whole.plus(cost) if node.op in REPEATED else whole.most(cost)
    return whole.times(number).plus(costs[0] if node.op in CHECKED else Other())


def runs(node: Node) -> int:
    """How often the graphs of ``node`` run at most.

    Raises:
        UnsupportedOpError: the file does not say, or the operator is none that this module knows.
    """
    if node.op in ONCE:
        return 0 if node.op == "CALL_ONCE" else 1
    trips = node.attrs.get(TRIPS)
    if node.op in REPEATED and isinstance(trips, int):
        return trips
    raise UnsupportedOpError(
        f"operator {node.op} runs a sub-graph, and how often is not in the file",
        where=node.name,
        mend="export the model with a fixed number of steps",
    )
