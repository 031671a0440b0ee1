"""Rules of the TFLite lowering for operators that remember: SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.passes.tflite_rule import Lowered, Rule, State, fused_activation, option

_LSTM_INPUTS = 24
_LSTM_EXTRAS = {"peepholes": (9, 10, 11), "a projection": (16, 17), "layer norms": (20, 21, 22, 23)}
"""Inputs that TFLM's integer kernel does not read, by what they are for."""


def _svdf(node: Node, state: State) -> Lowered:
    if len(node.inputs) != 5 or not all(node.inputs[i] for i in (0, 1, 2, 4)):
        raise BadFileError("SVDF needs an input, two weights, perhaps a bias, and its memory", where=node.name)
    x = node.inputs[0]
    state.dims(x, 2)
    constants = tuple(state.float_operand(name, x) for name in node.inputs[1:4])
    attrs = {"rank": int(option(node, "rank")), "activation": fused_activation(node)}
    return "svdf", attrs, (x, *constants, node.inputs[4])


def _lstm(node: Node, state: State) -> Lowered:
    """One inference begins at zero where it has several steps, as layers do that are trained on clips; a single step
    goes on where the last one ended.
    """
    inputs = node.inputs + ("",) * (_LSTM_INPUTS - len(node.inputs))
    for what, positions in _LSTM_EXTRAS.items():
        if any(inputs[position] for position in positions):
            raise UnsupportedOpError(f"{node.op} with {what}", where=node.name, mend="use a plain LSTM layer")
    needed = (*range(1, 9), *range(12, 16), 18, 19)
    if len(inputs) != _LSTM_INPUTS or not all(inputs[position] for position in (0, *needed)):
        raise UnsupportedOpError(
            f"{node.op} without all of its four gates", where=node.name, mend="use a plain LSTM layer"
        )
    activation = node.attrs.get("fused_activation_function", "NONE")
    if activation != "TANH" or node.attrs.get("time_major", False) or node.attrs.get("proj_clip", 0.0):
        raise UnsupportedOpError(
            f"{node.op} with activation {activation}, time first, or a clipped projection",
            where=node.name,
            mend="use an LSTM layer with tanh and [batch, time, features]",
        )
    x = inputs[0]
    constants = tuple(state.float_operand(inputs[i], x) for i in needed[:-2])
    attrs = {"cell_clip": float(node.attrs.get("cell_clip", 0.0)), "carried": state.dims(x, 3)[1] == 1}
    return "lstm", attrs, (x, *constants, *(inputs[i] for i in needed[-2:]))


RECURRENT: Mapping[str, Rule] = {"SVDF": _svdf, "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm}
"""Operators of this file."""
