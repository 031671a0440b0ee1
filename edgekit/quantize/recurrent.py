"""Constants of the operators that remember, quantized."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import LSTM_HIDDEN
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.quantize.weights import quantize_bias, quantize_constant, quantize_weights


def quantized_recurrent(graph: Graph, node: Node, quants: Mapping[str, Quantization]) -> tuple[Node, list[Tensor]]:
    """An svdf or lstm with integer constants: weights symmetric with one scale each, biases int32."""
    return (_svdf if node.op == "svdf" else _lstm)(graph, node, quants)


def _svdf(graph: Graph, node: Node, quants: Mapping[str, Quantization]) -> tuple[Node, list[Tensor]]:
    x, feature, time, bias, memory = node.inputs
    weights = quantize_weights(graph.tensor(feature), 0, False, quants[x].scalar()[0], None)
    times = quantize_constant(graph.tensor(time), "int16")
    constants = [weights, times]
    if bias:
        constants.append(quantize_bias(graph.tensor(bias), quants[memory].scalar()[0], times))
    names = [tensor.name for tensor in constants]
    return node.replace(inputs=(x, *names, *("",) * (not bias), memory)), constants


def _lstm(graph: Graph, node: Node, quants: Mapping[str, Quantization]) -> tuple[Node, list[Tensor]]:
    source, hidden = (quants[node.inputs[position]].scalar()[0] for position in (0, LSTM_HIDDEN))
    data = [graph.tensor(name) for name in node.inputs[1:LSTM_HIDDEN]]
    weights = [
        quantize_weights(tensor, 0, False, source, np.asarray(bias.data).reshape(-1))
        for tensor, bias in zip(data[:4], data[8:], strict=True)
    ]
    recurrent = [quantize_weights(tensor, 0, False, hidden, None) for tensor in data[4:8]]
    biases = [quantize_bias(bias, source, tensor) for bias, tensor in zip(data[8:], weights, strict=True)]
    constants = [*weights, *recurrent, *biases]
    names = (tensor.name for tensor in constants)
    return node.replace(inputs=(node.inputs[0], *names, *node.inputs[LSTM_HIDDEN:])), constants
