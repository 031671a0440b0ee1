"""attention of the firmware's graph (graph/attention.py): its three parts one after the other."""

from __future__ import annotations

import numpy as np

from edgekit.graph.attention import PARTS
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.batch_matmul import batch_matmul, prepare_batch_matmul
from edgekit.graph.integer.params import AttentionParams
from edgekit.graph.integer.softmax import prepare_softmax, softmax


def prepare_attention(graph: Graph, node: Node) -> AttentionParams:
    """Parameters of one attention node.

    Raises:
        UnsupportedOpError: as the parts' own functions.
    """
    scores, middle, values = node.attrs[PARTS]
    return AttentionParams(
        prepare_batch_matmul(graph, scores), prepare_softmax(graph, middle), prepare_batch_matmul(graph, values)
    )


def attention(params: AttentionParams, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """int8 q […, L, D], k and v as their parts take them, to int8 […, L, V]."""
    scores = softmax(params.softmax, batch_matmul(params.scores, q, k))
    return batch_matmul(params.values, scores, v)
