"""lstm on int8 with an int16 cell (TensorFlow Lite Micro's UNIDIRECTIONAL_SEQUENCE_LSTM, lstm_eval.h)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import INT16_MAX, INT16_MIN, Int64
from edgekit.graph.integer.interpolated import SIGMOID_TABLE, wide_sigmoid
from edgekit.graph.integer.params import Gate, LstmParams, Rescale, WideSigmoidParams
from edgekit.graph.integer.rescale import input_output, to_rescale
from edgekit.graph.ops import LSTM_CELL, LSTM_HIDDEN
from edgekit.graph.rounding import Rounding, rounding_of
from edgekit.graph.tensor import Tensor

_GATE_POWER = -12
"""Gates before their function are int16 in steps of 2⁻¹²."""
_UNIT = 2.0**-15
"""Step of what the functions give."""
_WIDEST_CELL = -9
"""LiteRT takes no cell in steps of more than 2⁻⁹."""


def prepare_lstm(graph: Graph, node: Node) -> LstmParams:
    """Parameters of one lstm node.

    Raises:
        UnsupportedOpError: weights that are not int8 constants with one scale and zero point 0, or a cell that is not
            int16 in steps of a power of two.
        BadFileError: another scale for the hidden state than for the output.
    """
    source, output = input_output(graph, node)
    hidden, cell = graph.tensor(node.inputs[LSTM_HIDDEN]), graph.tensor(node.inputs[LSTM_CELL])
    if hidden.dtype != "int8" or hidden.scale_zero() != output.scale_zero():
        raise BadFileError("the hidden state is not quantized as the output is", where=node.name)
    scale = _cell_scale(cell, node)
    power, rounding = round(math.log2(scale)), rounding_of(graph)
    return LstmParams(
        input_gate=_gate(graph, node, 0, source, hidden),
        forget_gate=_gate(graph, node, 1, source, hidden),
        cell_gate=_gate(graph, node, 2, source, hidden),
        output_gate=_gate(graph, node, 3, source, hidden),
        sigmoid=WideSigmoidParams(3, 0, SIGMOID_TABLE, False),
        tanh=_tanh(_GATE_POWER),
        cell_tanh=_tanh(power),
        forget=to_rescale(_UNIT * scale / scale, rounding),
        update=to_rescale(_UNIT * _UNIT / scale, rounding),
        hidden=to_rescale(_UNIT * _UNIT / hidden.scale_zero()[0], rounding),
        cell_clip=int(min(node.attrs["cell_clip"] / scale, INT16_MAX)),
        output_zero_point=hidden.scale_zero()[1],
        carried=bool(node.attrs["carried"]),
    )


def _cell_scale(cell: Tensor, node: Node) -> float:
    scale = cell.scale_zero()[0]
    power = math.log2(scale)
    if cell.dtype != "int16" or cell.scale_zero()[1] != 0 or power != round(power) or power > _WIDEST_CELL:
        raise UnsupportedOpError(
            f"lstm with a cell of {cell.dtype} in steps of {scale:g}", where=node.name, mend="calibrate again"
        )
    return scale


def _tanh(power: int) -> WideSigmoidParams:
    """Of values in steps of 2^power; the table's argument has 12 fractional bits."""
    shift = power - _GATE_POWER
    return WideSigmoidParams(3 << max(shift, 0), max(-shift, 0), SIGMOID_TABLE, True)


def _gate(graph: Graph, node: Node, index: int, source: Tensor, hidden: Tensor) -> Gate:
    weights, recurrent, bias = (graph.tensor(node.inputs[first + index]) for first in (1, 5, 9))
    for tensor in (weights, recurrent):
        if tensor.data is None or tensor.dtype != "int8" or tensor.scale_zero()[1] != 0:
            raise UnsupportedOpError(f"lstm with weights of {tensor.dtype} that are not symmetric", where=tensor.name)
    if bias.data is None or bias.dtype != "int32":
        raise UnsupportedOpError("lstm with a bias that is not constant int32", where=bias.name)
    own, other = (np.asarray(tensor.data, np.int64) for tensor in (weights, recurrent))
    folded = np.asarray(bias.data, np.int64).reshape(-1) - source.scale_zero()[1] * own.sum(axis=1)
    if np.abs(folded).max(initial=0) >= 2**31:
        raise BadFileError("bias does not fit int32", where=bias.name)
    return Gate(
        weights=own.astype(np.int8),
        bias=folded.astype(np.int32),
        recurrent=other.astype(np.int8),
        recurrent_bias=(-hidden.scale_zero()[1] * other.sum(axis=1)).astype(np.int32),
        to_gate=_factor(source, weights, rounding_of(graph)),
        recurrent_to_gate=_factor(hidden, recurrent, rounding_of(graph)),
    )


def _factor(source: Tensor, weights: Tensor, rounding: Rounding) -> Rescale:
    """The product of the scales in float32 (GetQuantizedConvolutionMultipler), the quotient in double."""
    product = np.float32(source.scale_zero()[0]) * np.float32(weights.scale_zero()[0])
    return to_rescale(float(product) / 2.0**_GATE_POWER, rounding)


def lstm(
    params: LstmParams, x: np.ndarray, hidden: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One inference after the other.

    Args:
        params: of the node.
        x: int8 [N, …, T, I].
        hidden: int8 [H], what inferences before left, where ``params.carried``.
        cell: int16 [H], likewise.

    Returns:
        int8 [N, T, H]; hidden state and cell after the last step.
    """
    clips, units = len(x), len(params.input_gate.bias)
    width = params.input_gate.weights.shape[1]
    frames = x.reshape(1 if params.carried else clips, -1, width).astype(np.int64)
    rows = len(frames)
    h = np.full((rows, units), params.output_zero_point, np.int64)
    c = np.zeros((rows, units), np.int64)
    if params.carried:
        h[:], c[:] = hidden.astype(np.int64), cell.astype(np.int64)
    fed = [_products(frames, gate) for gate in _gates(params)]
    outputs = np.empty((rows, frames.shape[1], units), np.int8)
    for step in range(frames.shape[1]):
        h, c = _step(params, [part[:, step] for part in fed], h, c)
        outputs[:, step] = h
    return outputs.reshape(clips, -1, units), h[-1].astype(np.int8), c[-1].astype(np.int16)


def _gates(params: LstmParams) -> tuple[Gate, Gate, Gate, Gate]:
    return params.input_gate, params.forget_gate, params.cell_gate, params.output_gate


def _products(frames: Int64, gate: Gate) -> Int64:
    sums = frames @ gate.weights.astype(np.int64).T + gate.bias
    return _narrow(gate.to_gate(sums))


def _step(params: LstmParams, fed: list[Int64], h: Int64, c: Int64) -> tuple[Int64, Int64]:
    """Hidden state and cell after one more step; ``fed``: what the frame gives each gate."""
    sums = []
    for gate, own in zip(_gates(params), fed, strict=True):
        total = h @ gate.recurrent.astype(np.int64).T + gate.recurrent_bias
        sums.append(_narrow(own + _narrow(gate.recurrent_to_gate(total))))
    taken, kept, new, shown = (
        wide_sigmoid(params.tanh if index == 2 else params.sigmoid, values).astype(np.int64)
        for index, values in enumerate(sums)
    )
    c = _narrow(_product(kept, c, params.forget) + _product(taken, new, params.update))
    if params.cell_clip:
        c = np.clip(c, -params.cell_clip, params.cell_clip)
    squashed = wide_sigmoid(params.cell_tanh, c).astype(np.int64)
    product = params.hidden(squashed * shown)
    return np.clip(product + params.output_zero_point, -128, 127), c


def _product(first: Int64, second: Int64, factor: Rescale) -> Int64:
    return _narrow(factor(first * second))


def _narrow(x: Int64) -> Int64:
    result: Int64 = np.clip(x, INT16_MIN, INT16_MAX)
    return result
