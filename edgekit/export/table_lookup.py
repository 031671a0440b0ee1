"""Functions that TFLM has no operator for, as a gather from their table: the bytes of integer/lookup.py everywhere.

TFLM has no GELU, and its kernels of other functions differ from LiteRT's. Both gather alike, by int32 indices from 0:
the int8 value is cast, 128 is added, and the table of 256 is read.
"""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.lookup import prepare_lookup
from edgekit.graph.ops import TABLE_OPS
from edgekit.graph.tensor import Tensor

CAST, SHIFT, GATHER = "index.cast", "index.shift", "index.gather"
"""Internal operators, which only the TFLite writer sees."""


def expand_lookups(graph: Graph) -> Graph:
    """``graph`` with a cast, an addition and a gather in place of every function that is a table.

    Raises:
        UnsupportedOpError: such a function in float32.
    """
    nodes: list[Node] = []
    added: list[Tensor] = []
    for node in graph.nodes:
        if node.op not in TABLE_OPS:
            nodes.append(node)
            continue
        if graph.tensor(node.inputs[0]).dtype != "int8":
            raise UnsupportedOpError(
                f"{node.op} in float32 is not written as TFLite", where=node.name, mend="quantize the model first"
            )
        parts = _parts(graph, node)
        nodes += parts[0]
        added += parts[1]
    return graph.rebuild(nodes, added) if added else graph


def _parts(graph: Graph, node: Node) -> tuple[list[Node], list[Tensor]]:
    output = graph.tensor(node.outputs[0])
    table = prepare_lookup(graph, node).table
    stored = Tensor(f"{node.name}/table", (table.size,), "int8", output.quant, table)
    offset = Tensor(f"{node.name}/offset", (1,), "int32", data=np.array([128], np.int32))
    wide = Tensor(f"{node.name}/wide", output.shape, "int32")
    index = Tensor(f"{node.name}/index", output.shape, "int32")
    nodes = [
        Node(CAST, f"{node.name}/cast", node.inputs[:1], (wide.name,)),
        Node(SHIFT, f"{node.name}/shift", (wide.name, offset.name), (index.name,)),
        Node(GATHER, node.name, (stored.name, index.name), node.outputs),
    ]
    return nodes, [stored, offset, wide, index]
