"""Neighbouring frames that are taken out of a ring one by one and put together again are one part of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.drop_dead import drop_dead
from edgekit.graph.streaming.types import State
from edgekit.graph.tensor import Tensor


def join_frames(graph: Graph, states: Sequence[State]) -> Graph:
    """Windowed attention unfolds its keys: N slices, each a frame later, joined along a new axis. In a step of one
    frame these are N neighbours of the ring: a slice and a reshape, which move nothing.
    """
    rings = {state.window: state for state in states}
    makers = graph.producers()
    nodes: list[Node] = []
    made: list[Tensor] = []
    for node in graph.nodes:
        found = _neighbours(graph, node, makers, rings) if node.op == "concat" else None
        if found is None:
            nodes.append(node)
            continue
        window, begin, count = found
        axis, source = rings[window].axis, graph.tensor(window)
        part = source.replace(name=f"{node.name}@part", shape=(*source.dims[:axis], count, *source.dims[axis + 1 :]))
        attrs = {
            "begin": tuple(begin if i == axis else 0 for i in range(len(source.dims))),
            "size": part.shape,
            "stride": (1,) * len(source.dims),
        }
        made.append(part)
        nodes.append(Node("slice", f"{node.name}@slice", (window,), (part.name,), attrs))
        nodes.append(Node("reshape", node.name, (part.name,), node.outputs))
    return drop_dead(graph.rebuild(nodes, made)) if made else graph


def _neighbours(
    graph: Graph, node: Node, makers: dict[str, Node], rings: dict[str, State]
) -> tuple[str, int, int] | None:
    """(window, first entry, entries) if the concat's inputs are single, neighbouring entries of one ring, in order."""
    if prod(graph.tensor(node.outputs[0]).dims[: node.attrs["axis"]]) != 1:
        return None
    places = [_entry(graph, name, makers, rings) for name in node.inputs]
    if any(place is None for place in places):
        return None
    (window, begin), found = places[0] or ("", 0), [place for place in places if place is not None]
    return (window, begin, len(found)) if found == [(window, begin + i) for i in range(len(found))] else None


def _entry(graph: Graph, name: str, makers: dict[str, Node], rings: dict[str, State]) -> tuple[str, int] | None:
    """(window, entry) if ``name`` is one entry of a ring whose time axis is outermost, reshaped or not."""
    while name in makers and makers[name].op == "reshape":
        name = makers[name].inputs[0]
    for state in rings.values():
        if state.new == name and state.fresh == 1 and prod(graph.tensor(state.window).dims[: state.axis]) == 1:
            return state.window, state.kept
    node = makers.get(name)
    if node is None or node.op != "slice" or node.inputs[0] not in rings:
        return None
    state = rings[node.inputs[0]]
    source = graph.tensor(state.window).dims
    size = tuple(node.attrs["size"])
    if size != (*source[: state.axis], 1, *source[state.axis + 1 :]) or prod(source[: state.axis]) != 1:
        return None
    return state.window, int(node.attrs["begin"][state.axis])
