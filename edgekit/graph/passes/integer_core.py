"""The int8 core of a graph: float ends cut off, one input, one output."""

from __future__ import annotations

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph


def integer_core(graph: Graph) -> Graph:
    """``graph`` without a quantize at its start and a dequantize at its end: the generated API is int8.

    Args:
        graph: edge dialect, integer.

    Raises:
        UnsupportedOpError: several inputs or outputs, a float model, or a use of the float ends elsewhere.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} cannot be compiled", mend="lower it first")
    for kind, names in (("inputs", graph.inputs), ("outputs", graph.outputs)):
        if len(names) != 1:
            raise UnsupportedOpError(
                f"the model has {len(names)} {kind}, one is needed", where=graph.name, mend="export one head"
            )
    core = _without_dequantize(_without_quantize(graph))
    for name in (*core.inputs, *core.outputs):
        if core.tensor(name).dtype != "int8":
            raise UnsupportedOpError(
                f"{name!r} is {core.tensor(name).dtype}: only int8 models are compiled",
                where=graph.name,
                mend="quantize the model first (edgekit quantize)",
            )
    if not core.nodes:
        raise UnsupportedOpError("the model computes nothing", where=graph.name, mend="export it again")
    return core


def _without_quantize(graph: Graph) -> Graph:
    source = graph.inputs[0]
    if graph.tensor(source).dtype != "float32":
        return graph
    readers = graph.consumers().get(source, [])
    if len(readers) != 1 or readers[0].op != "quantize":
        return graph
    nodes = [node for node in graph.nodes if node.name != readers[0].name]
    return graph.rebuild(nodes, inputs=readers[0].outputs)


def _without_dequantize(graph: Graph) -> Graph:
    node = graph.producers().get(graph.outputs[0])
    if node is None or node.op != "dequantize":
        return graph
    nodes = [other for other in graph.nodes if other.name != node.name]
    return graph.rebuild(nodes, outputs=node.inputs)
