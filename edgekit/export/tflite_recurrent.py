"""TFLite forms of the operators that remember: SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tflite

from edgekit.export.tflite_op import ACTIVATIONS, TfliteOp
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import LSTM_CELL, LSTM_HIDDEN
from edgekit.graph.tensor import Quantization, Tensor


def _svdf(graph: Graph, node: Node) -> TfliteOp:
    integer = graph.tensor(node.inputs[0]).dtype == "int8"
    # LiteRT's integer kernel refuses all activations but RELU, and computes none, as TFLM's.
    activation = "relu" if integer else node.attrs["activation"]
    fields = {"Rank": node.attrs["rank"], "FusedActivationFunction": ACTIVATIONS[activation]}
    number = 3 if integer else 1
    return TfliteOp("SVDF", number, node.inputs, node.outputs, "SVDFOptions", fields)


def _lstm(graph: Graph, node: Node) -> TfliteOp:
    """The 24 inputs in TFLite's order, those of peepholes, projection and layer norms absent."""
    weights, biases = node.inputs[1:9], node.inputs[9:13]
    states = (node.inputs[LSTM_HIDDEN], node.inputs[LSTM_CELL])
    inputs = (node.inputs[0], *weights, "", "", "", *biases, "", "", *states, "", "", "", "")
    fields = {
        "FusedActivationFunction": tflite.ActivationFunctionType.TANH,
        "CellClip": float(node.attrs["cell_clip"]),
        "ProjClip": 0.0,
        "TimeMajor": False,
    }
    between = _intermediates(graph, node) if graph.tensor(node.inputs[0]).dtype == "int8" else ()
    options = "UnidirectionalSequenceLSTMOptions"
    return TfliteOp("UNIDIRECTIONAL_SEQUENCE_LSTM", 1, inputs, node.outputs, options, fields, intermediates=between)


def _intermediates(graph: Graph, node: Node) -> tuple[Tensor, ...]:
    """What LiteRT looks up scales in: four of layer norms, which it does not read, and the hidden state's."""
    unread = Quantization(np.array([2.0**-12]), np.array([0]))
    gates = [Tensor(f"{node.name}/intermediate{index}", (0,), "int16", unread) for index in range(4)]
    return (*gates, Tensor(f"{node.name}/intermediate4", (0,), "int8", graph.tensor(node.inputs[LSTM_HIDDEN]).quant))


RECURRENT_WRITERS: Mapping[str, Callable[[Graph, Node], TfliteOp]] = {"svdf": _svdf, "lstm": _lstm}
"""Operators of this file."""
