"""Which activations of a float graph become int16 when it is quantized, and ``quantize`` nodes where widths meet.

A node's attribute ``width`` = "int16" says that its output does; int8 goes without saying. A quantize node between two
float32 tensors is the identity until then, so that calibration, training and the integer graph have the same nodes.

Why not int8 everywhere: the variance of a layer norm spans the square of its input's range, and the sum that runs
through all blocks of a transformer would be rounded to 8 bits twice a block.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import INT16_OPS, LSTM_CELL, LSTM_HIDDEN, SAME_SCALE_OPS, SVDF_MEMORY, TIE, activation_inputs
from edgekit.graph.passes.open_gates import open_gates
from edgekit.graph.tensor import Tensor

WIDTH = "width"
WIDE = "int16"
_SUMS = ("add", "sub")
_WIDE_MEMORY = (("svdf", SVDF_MEMORY), ("lstm", LSTM_CELL))


def widen(graph: Graph, mode: str, further: Collection[str] = ()) -> Graph:
    """A new float graph with widths marked.

    Args:
        graph: float edge graph.
        mode: a key of :data:`MODES`. "none": the graph as it is; "norms": layer norms, the sums that run
            through the blocks of a transformer, and the steps of a GRU;
            "attention": these, and products and softmax of attention; "all": every operator that has an int16 form,
            gates (passes/open_gates.py) among them.
        further: names of nodes that are int16 as well, where their operator has such a form.
    """
    graph = open_gates(graph) if mode == "all" else graph
    wide = MODES[mode](graph) | {node.name for node in graph.nodes if node.name in further and node.op in INT16_OPS}
    if not wide:
        return graph
    nodes: list[Node] = []
    tensors: list[Tensor] = []
    widths = dict.fromkeys(graph.inputs, "int8")
    copies: dict[tuple[str, str], str] = {}
    for node in graph.nodes:
        width = WIDE if node.name in wide else "int8"
        inputs = list(node.inputs)
        for position, name in enumerate(inputs):
            if name not in activation_inputs(node) or widths.get(name, width) == width:
                continue
            if (name, width) not in copies:
                border, copy = _border(graph, name, width)
                nodes.append(border)
                tensors.append(copy)
                copies[name, width] = copy.name
            inputs[position] = copies[name, width]
        attrs = {**node.attrs, WIDTH: WIDE} if width == WIDE else node.attrs
        nodes.append(node.replace(inputs=tuple(inputs), attrs=attrs))
        widths[node.outputs[0]] = width
    return _narrow_outputs(graph.rebuild(nodes, tensors), widths)


def widths(graph: Graph) -> dict[str, str]:
    """The width, "int8" or "int16", of every activation of a float graph; the memory of an svdf and an lstm's cell are
    int16, its hidden state is int8.
    """
    found = dict.fromkeys(graph.inputs, "int8")
    for node in graph.nodes:
        found.update({node.inputs[i]: WIDE for op, i in _WIDE_MEMORY if node.op == op})
        found.update({node.inputs[LSTM_HIDDEN]: "int8"} if node.op == "lstm" else {})
    found.update({name: node.attrs.get(WIDTH, "int8") for node in graph.nodes for name in node.outputs})
    return found


def _border(graph: Graph, name: str, width: str) -> tuple[Node, Tensor]:
    copy = graph.tensor(name).replace(name=f"{name}/{width}")
    attrs = {WIDTH: width} if width == WIDE else {}
    return Node("quantize", f"{name}/to_{width}", (name,), (copy.name,), attrs), copy


def _narrow_outputs(graph: Graph, found: Mapping[str, str]) -> Graph:
    """Outputs of the graph as int8: the caller's types do not depend on what happens inside."""
    for name in graph.outputs:
        if found[name] != WIDE:
            continue
        inner = graph.tensor(name).replace(name=f"{name}/{WIDE}")
        renamed = [
            node.replace(
                inputs=tuple(inner.name if item == name else item for item in node.inputs),
                outputs=tuple(inner.name if item == name else item for item in node.outputs),
            )
            for node in graph.nodes
        ]
        last = Node("quantize", f"{name}/to_int8", (inner.name,), (name,))
        graph = graph.rebuild([*renamed, last], [inner])
    return graph


def _none(graph: Graph) -> set[str]:
    return set()


def _norms(graph: Graph) -> set[str]:
    producers, consumers = graph.producers(), graph.consumers()
    wide: set[str] = set()
    for node in graph.nodes:
        chain = _layer_norm(node, producers)
        if chain is None:
            continue
        centred = chain[-1]
        wide.update(part.name for part in chain)
        wide.update(
            reader.name
            for reader in consumers.get(node.outputs[0], [])
            if reader.op == "mul" and centred.outputs[0] in reader.inputs
        )
        wide.update(part.name for part in _running_sum(centred.inputs[0], producers))
    wide |= {node.name for node in graph.nodes if TIE in node.attrs}
    return wide | (_chained_sums(graph, producers) if _mixes(graph, producers, consumers) else set())


def _chained_sums(graph: Graph, producers: Mapping[str, Node]) -> set[str]:
    """Sums of sums, in a model that has attention: what runs from block to block where norms are folded away."""
    chained: set[str] = set()
    for node in graph.nodes:
        if node.op in _SUMS:
            behind = [part for name in activation_inputs(node) for part in _running_sum(name, producers)]
            chained.update(part.name for part in (node, *behind) if behind)
    return chained


def _layer_norm(root: Node, producers: Mapping[str, Node]) -> tuple[Node, ...] | None:
    """(rsqrt, addition of epsilon if any, variance, square, mean, centred) of a layer norm whose rsqrt is ``root``."""
    if root.op != "rsqrt":
        return None
    before = producers.get(root.inputs[0])
    above = (before,) if before is not None and before.op == "add" else ()
    variance = producers.get(before.inputs[0]) if before is not None and above else before
    square = producers.get(variance.inputs[0]) if variance is not None and variance.op == "mean" else None
    if variance is None or square is None or square.op != "mul" or square.inputs[0] != square.inputs[1]:
        return None
    centred = producers.get(square.inputs[0])
    if centred is None or centred.op != "sub":
        return None
    mean = producers.get(centred.inputs[1])
    if mean is None or mean.op != "mean" or mean.inputs[0] != centred.inputs[0]:
        return None
    return (root, *above, variance, square, mean, centred)


def _running_sum(name: str, producers: Mapping[str, Node]) -> list[Node]:
    """The sums behind ``name``, through operators that only move their values."""
    node = producers.get(name)
    if node is None or (node.op not in _SUMS and node.op not in SAME_SCALE_OPS):
        return []
    behind = [part for item in activation_inputs(node) for part in _running_sum(item, producers)]
    return [node, *behind] if node.op in _SUMS or behind else []


def _attention(graph: Graph) -> set[str]:
    return _norms(graph) | _mixes(graph, graph.producers(), graph.consumers())


def _mixes(graph: Graph, producers: Mapping[str, Node], consumers: Mapping[str, list[Node]]) -> set[str]:
    """Products, softmax and products of attention."""
    found: set[str] = set()
    for node in graph.nodes:
        scores = producers.get(node.inputs[0]) if node.op == "softmax" else None
        mixes = [reader for reader in consumers.get(node.outputs[0], []) if reader.op == "batch_matmul"]
        if scores is not None and scores.op == "batch_matmul" and mixes:
            found.update((node.name, scores.name, *(mix.name for mix in mixes)))
    return found


def _all(graph: Graph) -> set[str]:
    return {node.name for node in graph.nodes if node.op in INT16_OPS}


MODES: Mapping[str, Callable[[Graph], set[str]]] = {
    "none": _none,
    "norms": _norms,
    "attention": _attention,
    "all": _all,
}
"""Modes of :func:`widen`: from a graph to the names of its nodes that compute in int16."""
