"""Flash before anything is compiled: what is certainly in it, and an estimate of the rest."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.budget.parameters import Role, Stored
from edgekit.budget.rules.tables import table
from edgekit.budget.tally import Reason, Tally
from edgekit.graph.few_values import few_valued
from edgekit.graph.graph import Graph

CODE_BYTES = 8_192
"""Allowance for start-up code and the kernels of a small model."""
CODE_BYTES_PER_OP = 1_024
"""Allowance for each further kind of operator."""
CHANNEL_BYTES = 12
"""Multiplier, shift and bias correction of one output channel of an integer layer."""

_DATA = (Role.WEIGHT, Role.INTEGER_WEIGHT, Role.BUFFER)


def flash_tally(graph: Graph, stored: tuple[Stored, ...], blocking: tuple[Reason, ...], inner: int = 0) -> Tally:
    """Weights and buffers as stored, requantization tables, and an allowance for code.

    The weights alone are the lower bound: a budget below them fails, one just above them stays undecided until
    ``edgekit compile`` gives the exact size. ``inner`` bytes are stored by graphs inside operators. Weights of
    four bits, or of at most sixteen values, take half a byte or a byte each, as the compiler's purpose wants.
    """
    kept = [item for item in stored if item.role in _DATA]
    weights = inner + sum(_bytes(graph, item) for item in kept)
    least = inner + sum(_least(graph, item) for item in kept)
    counted = [node for node in graph.nodes if node.op not in table(graph.dialect).moves]
    code = CODE_BYTES + CODE_BYTES_PER_OP * len({node.op for node in counted})
    tables = CHANNEL_BYTES * sum(_channels(graph, item) for item in kept)
    caveat = f"weights {weights:,} B, plus an allowance of {code + tables:,} B for code and requantization"
    return Tally(weights + code + tables, "B", "estimated", blocking, "edgekit-flash-1", caveat, at_least=least)


def _bytes(graph: Graph, item: Stored) -> int:
    """Of a constant in the generated C, numbers of four bits a byte each."""
    return item.elements if graph.tensor(item.name).dtype == "int4" else item.nbytes


def _least(graph: Graph, item: Stored) -> int:
    """Of a constant, half a byte a weight where that is enough."""
    tensor = graph.tensor(item.name)
    matrix = tensor.dtype in ("int4", "int8") and len(tensor.shape) >= 2 and tensor.data is not None
    return (item.elements + 1) // 2 if matrix and few_valued(np.asarray(tensor.data)) else item.nbytes


def _channels(graph: Graph, item: Stored) -> int:
    """Output channels of an integer weight matrix; 0 for anything else."""
    tensor = graph.tensor(item.name)
    if tensor.dtype not in ("int4", "int8") or len(tensor.shape) < 2:
        return 0
    dims = tensor.dims
    return dims[-1] if dims[0] == 1 else min(dims[0], prod(dims))
