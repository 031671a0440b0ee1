"""Operators with a memory of their own, lstm and svdf, in streams: their variable tensors go on from hop to hop."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph.graph import Graph
from edgekit.graph.passes.drop_dead import drop_dead
from edgekit.graph.streaming.types import State, StreamGraph


def carry_states(graph: Graph) -> Graph:
    """``graph`` whose lstm nodes go on from inference to inference instead of beginning anew with every window."""
    if not any(node.op == "lstm" for node in graph.nodes):
        return graph
    nodes = [node.replace(attrs={**node.attrs, "carried": True}) if node.op == "lstm" else node for node in graph.nodes]
    return graph.rebuild(nodes)


def remembers(graph: Graph) -> bool:
    """It takes a frame an inference and keeps what came before in variable tensors: nothing is to be derived."""
    return any(node.op == "svdf" or (node.op == "lstm" and node.attrs["carried"]) for node in graph.nodes)


def own_step(graph: Graph) -> StreamGraph:
    """The streaming form of a graph that is its own step.

    An svdf looks at as many frames as its memory holds, one behind the other adds its own; an lstm at all.
    """
    step = drop_dead(graph)
    looks: dict[str, int] = dict.fromkeys(step.inputs, 1)
    for node in step.nodes:
        before = max((looks[name] for name in node.inputs if name in looks), default=1)
        more = step.tensor(node.inputs[2]).dims[1] - 1 if node.op == "svdf" else 0
        looks[node.outputs[0]] = before + more
    window = max(looks[name] for name in step.outputs)
    since_start = any(node.op == "lstm" for node in step.nodes)
    return StreamGraph(step, (), 1, 1, window, 0, since_start, variable_states(step, {}))


def variable_states(graph: Graph, late: Mapping[str, int]) -> tuple[State, ...]:
    """The variable tensors that a graph's nodes read, as states.

    Args:
        graph: a step.
        late: hops at the stream's start for which a node's input is not there yet, by the node's name.
    """
    found = []
    for node in graph.nodes:
        for name in node.inputs:
            if name and graph.tensor(name).variable:
                tensor = graph.tensor(name)
                initial = tensor.scale_zero()[1] if tensor.quant is not None else 0
                found.append(State(name, name, name, "variable", "", name, 1, 1, 1, initial, late.get(node.name, 0)))
    return tuple(found)
