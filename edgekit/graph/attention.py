"""Attention as one operator of the firmware: softmax(q·kᵀ)·v a block of query rows at a time.

The matrix of scores, as large as heads · L², never exists whole. ``attention`` has the inputs q, k, v and in its
attributes the three nodes that it stands for; their tensors stay in the graph for scales and shapes. It is made for the
memory plan and the C generator alone: no file holds it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.graph import Graph, Node
from edgekit.graph.placement import Overlap, aligned
from edgekit.graph.products import ROWS, MatrixProduct, product_of

ATTENTION = "attention"
PARTS = "parts"
"""Attribute: the batch_matmul of scores, the softmax, the batch_matmul with the values."""
LONGEST = 511
"""Scores of a row: those of a softmax by table (deploy/c/softmax_table.py)."""


@dataclass(frozen=True)
class AttentionMemory:
    """Where the working memory of an attention lies, in bytes from its beginning: a widened block of rows, the
    widened keys, the widened values, a block of rows of scores.
    """

    scores: MatrixProduct
    values: MatrixProduct

    @property
    def keys_at(self) -> int:
        """Widened keys."""
        return aligned(max(self.scores.block_bytes, self.values.block_bytes))

    @property
    def values_at(self) -> int:
        """Widened values."""
        return self.keys_at + aligned(self.scores.column_bytes)

    @property
    def rows_at(self) -> int:
        """Scores, int8."""
        return self.values_at + aligned(self.values.column_bytes)

    @property
    def nbytes(self) -> int:
        """All of it."""
        return self.rows_at + aligned(ROWS * self.scores.columns)


def fused_attention(graph: Graph) -> Graph:
    """``graph`` with every int8 attention whose scores take more than its working memory as one node, where the last
    of the three stood.
    """
    found = {parts[2].name: parts for node in graph.nodes if (parts := _parts(graph, node)) is not None}
    inner = {part.name for parts in found.values() for part in parts[:2]}
    nodes = tuple(
        _as_node(found[node.name]) if node.name in found else node for node in graph.nodes if node.name not in inner
    )
    return graph.replace(nodes=nodes) if found else graph


def memory_of(graph: Graph, node: Node) -> AttentionMemory:
    """That of an attention node."""
    scores, _, values = node.attrs[PARTS]
    return _memory(graph, scores, values)


def attention_scratch(graph: Graph, node: Node) -> int:
    """Bytes of working memory of an attention node."""
    return memory_of(graph, node).nbytes


def attention_overlap(graph: Graph, node: Node) -> Overlap | None:
    """How its output may lie over the queries: a block of them is read before its outputs are written."""
    query, *others = node.inputs
    if query in others:
        return None
    rows = graph.tensor(query).elements // graph.tensor(query).dims[-1]
    growth = graph.tensor(node.outputs[0]).dims[-1] - graph.tensor(query).dims[-1]
    return Overlap(max(0, rows * growth))


def _parts(graph: Graph, node: Node) -> tuple[Node, Node, Node] | None:
    """The attention that begins with the batch_matmul ``node``, if it is one."""
    softmax = _only_reader(graph, node.outputs[0], "softmax") if node.op == "batch_matmul" else None
    last = _only_reader(graph, softmax.outputs[0], "batch_matmul") if softmax is not None else None
    if softmax is None or last is None or last.inputs[0] != softmax.outputs[0] or last.inputs[1] == last.inputs[0]:
        return None
    same = all(_batches(graph, name) == _batches(graph, node.inputs[0]) for name in (node.inputs[1], last.inputs[1]))
    constant = any(graph.tensor(name).constant for name in (*node.inputs, last.inputs[1]))
    if not same or constant or product_of(graph, node) is None or product_of(graph, last) is None:
        return None
    scores = graph.tensor(node.outputs[0])
    worth = _memory(graph, node, last).nbytes < scores.elements and scores.dims[-1] <= LONGEST
    return (node, softmax, last) if worth else None


def _batches(graph: Graph, name: str) -> tuple[int, ...]:
    return graph.tensor(name).dims[:-2]


def _only_reader(graph: Graph, name: str, op: str) -> Node | None:
    readers = graph.consumers().get(name, [])
    kept = name in graph.outputs or graph.tensor(name).dtype != "int8"
    return readers[0] if len(readers) == 1 and readers[0].op == op and not kept else None


def _memory(graph: Graph, scores: Node, values: Node) -> AttentionMemory:
    first, second = product_of(graph, scores), product_of(graph, values)
    if first is None or second is None:
        raise ValueError(f"{scores.name}: no attention")  # a defect of the caller, not of the model
    return AttentionMemory(first, second)


def _as_node(parts: tuple[Node, Node, Node]) -> Node:
    scores, _, last = parts
    return Node(ATTENTION, last.name, (*scores.inputs, last.inputs[1]), last.outputs, {PARTS: parts})
