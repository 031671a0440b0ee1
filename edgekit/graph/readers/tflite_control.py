"""Control flow of TFLite: which subgraphs an operator runs, and how often the loop of a WHILE can run."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor

SUBGRAPHS: Mapping[str, Mapping[str, str]] = {
    "IF": {"then_subgraph_index": "then", "else_subgraph_index": "else"},
    "WHILE": {"cond_subgraph_index": "condition", "body_subgraph_index": "body"},
    "STABLEHLO_WHILE": {"cond_subgraph_index": "condition", "body_subgraph_index": "body"},
    "CALL": {"subgraph": "body"},
    "CALL_ONCE": {"init_subgraph_index": "body"},
    "STABLEHLO_COMPOSITE": {"decomposition_subgraph_index": "body"},
}
"""Operator and option that names a subgraph by number, to the attribute under which its Graph is kept."""

MAX_DEPTH = 8
"""Subgraphs that run subgraphs."""

STATE_KEY = "tflite.state"
"""Metadata key under which a read graph names its variable tensors, one a line."""

TRIPS = "trips"
"""Attribute of a WHILE: how often its body runs at most; absent where that is not known."""


def trips(node: Node, tensors: Mapping[str, Tensor]) -> int | None:
    """How often the body of a WHILE runs at most, None where that does not follow from the file.

    Known is what converters write for a counted loop: the condition is ``counter < limit`` (or several conditions, all
    of which must hold), the body adds a constant to the counter, and counter and limit start as constants.
    """
    condition, body = node.attrs.get("condition"), node.attrs.get("body")
    if not isinstance(condition, Graph) or not isinstance(body, Graph) or not condition.outputs:
        return None
    bounds = [
        bound
        for counter, limit in _comparisons(condition, condition.outputs[0])
        if (bound := _turns(counter, limit, node, body, condition, tensors)) is not None
    ]
    return min(bounds, default=None)


def _comparisons(condition: Graph, name: str) -> list[tuple[str, str]]:
    """(counter, limit) of the comparisons that must all hold for ``name`` to be true."""
    producers, waiting, found = condition.producers(), [name], []
    for _ in range(len(condition.nodes) + 1):
        if not waiting:
            break
        node = producers.get(waiting.pop())
        if node is None or len(node.inputs) != 2:
            continue
        if node.op == "LOGICAL_AND":
            waiting.extend(node.inputs)
        elif node.op == "LESS":
            found.append((node.inputs[0], node.inputs[1]))
        elif node.op == "GREATER":
            found.append((node.inputs[1], node.inputs[0]))
    return found


def _turns(
    counter: str, limit: str, node: Node, body: Graph, condition: Graph, tensors: Mapping[str, Tensor]
) -> int | None:
    """Turns of one counter up to one limit."""
    if counter not in condition.inputs:
        return None
    position = condition.inputs.index(counter)
    start = _carried(position, node, tensors)
    step = _step(position, body)
    if limit in condition.inputs:
        # A limit that is carried along must be handed on unchanged.
        place = condition.inputs.index(limit)
        fixed = place < len(body.outputs) and place < len(body.inputs) and body.outputs[place] == body.inputs[place]
        end = _carried(place, node, tensors) if fixed else None
    else:
        end = _number(condition.tensors[limit])
    if start is None or step is None or end is None or step <= 0:
        return None
    return max(0, ceil((end - start) / step))


def _carried(position: int, node: Node, tensors: Mapping[str, Tensor]) -> int | None:
    """Initial value of a carried value."""
    name = node.inputs[position] if position < len(node.inputs) else ""
    return _number(tensors[name]) if name in tensors else None


def _step(position: int, body: Graph) -> int | None:
    """What the body adds to a carried value in a turn."""
    if position >= len(body.outputs) or position >= len(body.inputs):
        return None
    node = body.producers().get(body.outputs[position])
    if node is None or node.op != "ADD" or body.inputs[position] not in node.inputs:
        return None
    others = [name for name in node.inputs if name != body.inputs[position]]
    return _number(body.tensors[others[0]]) if len(others) == 1 and others[0] in body.tensors else None


def _number(tensor: Tensor) -> int | None:
    """A constant whole number."""
    if tensor.data is None or tensor.data.size != 1 or tensor.data.dtype.kind not in "iu":
        return None
    return int(tensor.data.reshape(-1)[0])
