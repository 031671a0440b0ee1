"""A table that a TFLite file gathers from (export/table_lookup.py) as one node again, before the rules see it."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node

TABLE_LOOKUP = "edgekit table lookup"
"""Operator of the joined node, inputs (x, table): no operator of the schema has such a name."""


def join_lookups(graph: Graph) -> Graph:
    """``graph`` in which CAST to int32, ADD of 128 and GATHER from 256 int8 values are one node."""
    producers, consumers = graph.producers(), graph.consumers()
    joined: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        chain = _chain(graph, node, producers)
        if chain is None or any(_read_elsewhere(graph, consumers, part) for part in chain):
            continue
        joined[node.name] = node.replace(op=TABLE_LOOKUP, inputs=(chain[1].inputs[0], node.inputs[0]), attrs={})
        gone.update(part.name for part in chain)
    return graph.rebuild([joined.get(node.name, node) for node in graph.nodes if node.name not in gone])


def _read_elsewhere(graph: Graph, consumers: dict[str, list[Node]], node: Node) -> bool:
    return len(consumers.get(node.outputs[0], [])) != 1 or node.outputs[0] in graph.outputs


def _chain(graph: Graph, node: Node, producers: dict[str, Node]) -> tuple[Node, Node] | None:
    """The ADD and the CAST before a GATHER from a table of 256 int8 values; None where it is something else."""
    if node.op != "GATHER" or len(node.inputs) != 2 or node.attrs.get("axis", 0) or node.attrs.get("batch_dims", 0):
        return None
    table = graph.tensors.get(node.inputs[0])
    if table is None or table.data is None or table.dtype != "int8" or table.data.shape != (256,):
        return None
    add = producers.get(node.inputs[1])
    if add is None or add.op != "ADD" or len(add.inputs) != 2:
        return None
    if add.attrs.get("fused_activation_function", "NONE") != "NONE":
        return None
    cast = producers.get(add.inputs[0])
    offset = graph.tensors.get(add.inputs[1])
    if cast is None or cast.op != "CAST" or len(cast.inputs) != 1 or offset is None or offset.data is None:
        return None
    right_types = graph.tensor(cast.inputs[0]).dtype == "int8" and graph.tensor(cast.outputs[0]).dtype == "int32"
    return (add, cast) if right_types and offset.data.size == 1 and int(np.ravel(offset.data)[0]) == 128 else None
