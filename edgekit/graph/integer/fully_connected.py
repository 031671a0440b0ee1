"""fully_connected on int8 and int16 (TensorFlow Lite reference_integer_ops::FullyConnected…)."""

from __future__ import annotations

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.accumulate import float_dtype, prepare_accumulate, requantize
from edgekit.graph.integer.params import FullyConnectedParams


def prepare_fully_connected(graph: Graph, node: Node) -> FullyConnectedParams:
    """Parameters of one fully_connected node."""
    return FullyConnectedParams(arithmetic=prepare_accumulate(graph, node, channel_axis=0))


def fully_connected(params: FullyConnectedParams, x: np.ndarray) -> np.ndarray:
    """X [M,K] to [M,O]."""
    arithmetic = params.arithmetic
    centred = x.astype(float_dtype(arithmetic)) - arithmetic.input_zero_point
    return requantize(arithmetic, centred @ arithmetic.weights.astype(centred.dtype).T)
