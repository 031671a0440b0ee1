"""The scale of an lstm's cell: steps of a power of two, since TFLM's kernel shifts."""

from __future__ import annotations

import math

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph
from edgekit.graph.ops import LSTM_CELL
from edgekit.graph.tensor import Quantization
from edgekit.quantize.observers import Range

WIDEST_CELL = -9
"""LiteRT takes no lstm whose cell has steps of more than 2⁻⁹, which is a cell beyond ±64."""
_FINEST_CELL = -15
_CELL_MAX = 32767


def cell_quantization(extent: Range, where: str) -> Quantization:
    """int16 in steps of a power of two that hold ``extent`` (TFLM's kernel shifts instead of multiplying).

    Raises:
        BadFileError: a cell beyond ±64.
    """
    reach = max(-extent.low, extent.high, 2.0**-20)
    power = max(math.ceil(math.log2(reach / _CELL_MAX)), _FINEST_CELL)
    if power > WIDEST_CELL:
        raise BadFileError(
            f"an lstm whose cell reaches {reach:g}, of at most 64", where=where, mend="train with weight decay"
        )
    return Quantization(np.array([2.0**power]), np.array([0]))


def cells(graph: Graph) -> tuple[str, ...]:
    """Variable tensors that are the cell of an lstm."""
    return tuple(node.inputs[LSTM_CELL] for node in graph.nodes if node.op == "lstm")
