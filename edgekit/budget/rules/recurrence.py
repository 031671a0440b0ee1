"""Counting rules of recurrent layers: the matrix products of every step, from shapes.

The gates' element-wise products are other arithmetic, not multiply-accumulates, as in torch's FlopCounterMode.
"""

from __future__ import annotations

from edgekit.budget.layer import Layer, Work


def onnx_recurrence(layer: Layer) -> Work:
    """An LSTM, GRU or RNN costs steps × batch × (input weights + recurrent weights), both directions included.

    dcase: steps × batch × (all weights and biases).
    """
    data, weights, recurrent = layer.input(0).dims, layer.input(1), layer.input(2)
    if len(data) != 3 or len(weights.shape) != 3 or weights.dims[2] != data[2]:
        raise layer.odd(f"has weights {weights.shape} on an input {data}")
    steps = data[0] * data[1]
    matrices = weights.elements + recurrent.elements
    return Work(true=steps * matrices, dcase=steps * (matrices + layer.size(3)))


# Inputs of TFLite's sequence operators (schema: basic LSTM/RNN options, kernels' constants).
_LSTM_MATRICES = tuple(range(1, 9))
_LSTM_PEEPHOLES = (9, 10, 11)
_LSTM_BIASES = (12, 13, 14, 15)
_LSTM_PROJECTION = (16, 17)


def tflite_lstm(layer: Layer) -> Work:
    """An LSTM costs steps × batch × (input weights + recurrent weights + projection).

    dcase: steps × batch × (all weights and biases). The basic form (5 inputs) holds all its matrices in one.
    """
    if len(layer.node.inputs) == 5:
        steps = layer.input(0).dims[0]
        return Work(true=steps * layer.size(2), dcase=steps * (layer.size(2) + layer.size(3)))
    return _lstm(layer, (0,))


def edge_lstm(layer: Layer) -> Work:
    """An LSTM of the edge dialect costs steps × (input weights + recurrent weights of its four gates).

    dcase: steps × (all weights and biases).
    """
    steps = layer.input(0).dims[1]
    matrices = sum(layer.size(index) for index in _LSTM_MATRICES)
    vectors = sum(layer.size(index) for index in range(9, 13))
    return Work(true=steps * matrices, dcase=steps * (matrices + vectors))


def tflite_bidirectional_lstm(layer: Layer) -> Work:
    """A bidirectional LSTM costs steps × batch × (matrices of both directions).

    dcase: steps × batch × (all weights and biases). Its auxiliary input is undecided.
    """
    if any(layer.optional(index) is not None for index in range(39, 48)):
        raise layer.odd("has an auxiliary input, which has no counting rule")
    return _lstm(layer, (0, 17))


def _lstm(layer: Layer, offsets: tuple[int, ...]) -> Work:
    steps = _steps(layer)
    matrices = vectors = 0
    for offset in offsets:
        matrices += sum(layer.size(offset + index) for index in _LSTM_MATRICES)
        matrices += layer.size(offset + _LSTM_PROJECTION[0])
        vectors += sum(layer.size(offset + index) for index in (*_LSTM_PEEPHOLES, *_LSTM_BIASES))
        vectors += layer.size(offset + _LSTM_PROJECTION[1])
    return Work(true=steps * matrices, dcase=steps * (matrices + vectors))


def tflite_rnn(layer: Layer) -> Work:
    """An RNN costs steps × batch × (input weights + recurrent weights).

    dcase: steps × batch × (all weights and biases).
    """
    steps = _steps(layer)
    matrices = layer.size(1) + layer.size(2)
    return Work(true=steps * matrices, dcase=steps * (matrices + layer.size(3)))


def tflite_bidirectional_rnn(layer: Layer) -> Work:
    """A bidirectional RNN costs steps × batch × (matrices of both directions).

    dcase: steps × batch × (all weights and biases). Its auxiliary input is undecided.
    """
    if any(layer.optional(index) is not None for index in range(9, 12)):
        raise layer.odd("has an auxiliary input, which has no counting rule")
    steps = _steps(layer)
    matrices = sum(layer.size(index) for index in (1, 2, 5, 6))
    return Work(true=steps * matrices, dcase=steps * (matrices + layer.size(3) + layer.size(7)))


def tflite_svdf(layer: Layer) -> Work:
    """An SVDF step costs batch × (feature weights + time weights): each filter sees one frame and its own memory.

    dcase: batch × (weights + bias).
    """
    data = layer.input(0).dims
    if len(data) != 2:
        raise layer.odd(f"has an input {data}")
    batch = data[0]
    matrices = layer.input(1).elements + layer.input(2).elements
    return Work(true=batch * matrices, dcase=batch * (matrices + layer.size(3)))


def _steps(layer: Layer) -> int:
    """Steps × batch of an input [batch, features] (one step) or [steps, batch, features] in either order."""
    data = layer.input(0).dims
    if len(data) == 2:
        return data[0]
    if len(data) != 3:
        raise layer.odd(f"has an input {data}")
    return data[0] * data[1]
