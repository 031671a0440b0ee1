"""What must hold of the constants and variable tensors of operators that remember."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import LSTM_CELL, LSTM_HIDDEN, SVDF_MEMORY
from edgekit.graph.tensor import Tensor

MEMORY = {"svdf": (SVDF_MEMORY,), "lstm": (LSTM_HIDDEN, LSTM_CELL)}
"""Positions of the variable tensors by operator; the other inputs but the first are constants."""


def check_recurrent(graph: Graph, node: Node) -> None:
    """Weights and biases are constants, memories variable tensors that no other node reads; all are float or none is.

    Raises:
        UnsupportedOpError: weights that are computed, or float ones beside integers.
        BadFileError: a memory that is none, or is shared; weights that are not numbers; integers without scales.
    """
    readers = graph.consumers()
    real = graph.tensor(node.inputs[0]).dtype == "float32"
    for position, name in enumerate(node.inputs[1:], start=1):
        if not name:
            continue
        tensor = graph.tensor(name)
        if position in MEMORY[node.op]:
            if not tensor.variable or len(readers[name]) != 1:
                raise BadFileError(f"{name!r} is no variable tensor of {node.op} alone", where=node.name)
        elif tensor.data is None:
            raise UnsupportedOpError(
                f"{node.op} with weights that are not constants ({name!r})",
                where=node.name,
                mend="export the model with its weights frozen",
            )
        _check_type(node, tensor, real)


def _check_type(node: Node, tensor: Tensor, real: bool) -> None:
    if (tensor.dtype == "float32") != real:
        raise UnsupportedOpError(
            f"{node.op} in {'float32' if real else 'integers'} with {tensor.dtype} ({tensor.name!r})",
            where=node.name,
            mend="quantize the whole model (edgekit quantize)",
        )
    if real and tensor.data is not None and not np.all(np.isfinite(tensor.data)):
        raise BadFileError("weights that are infinite or not a number", where=node.name, mend="train again")
    if not real and tensor.quant is None and tensor.dtype != "int32":
        raise BadFileError("integer tensor without quantization parameters", where=tensor.name)
