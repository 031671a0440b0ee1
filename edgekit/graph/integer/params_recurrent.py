"""What integer operators with a memory need at run time: svdf and lstm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.graph.integer.params_arithmetic import Clamp
from edgekit.graph.integer.params_functions import WideSigmoidParams
from edgekit.graph.integer.params_rescale import Rescale


@dataclass(frozen=True, eq=False)
class SvdfParams:
    """svdf: every filter's product with the newest frame goes into its memory; products with the memory are the output.

    Attributes:
        feature: int8 [F, I]; time: int8 or int16 [F, M], M values of memory a filter, the newest last.
        feature_bias: int32 [F], −input_zero_point · Σ feature.
        bias: int32 [F / rank]; zeros where the node has none.
        rank: neighbouring filters that are added up to one output.
        to_state, to_output: the two factors.
        state_clamp: ends and type of the memory, whose zero point is 0.
        output_zero_point, clamp: of the output; a fused activation is not computed apart, as in TFLM.
    """

    feature: np.ndarray
    feature_bias: np.ndarray
    time: np.ndarray
    bias: np.ndarray
    rank: int
    to_state: Rescale
    to_output: Rescale
    state_clamp: Clamp
    output_zero_point: int
    clamp: Clamp


@dataclass(frozen=True, eq=False)
class Gate:
    """One gate of an lstm before its function: clamp16(W·x + b rescaled) + clamp16(R·h rescaled), saturated to int16.

    Attributes:
        weights: int8 [H, I]; bias: int32 [H], −input_zero_point · Σ weights folded in.
        recurrent: int8 [H, H]; recurrent_bias: int32 [H], −hidden_zero_point · Σ recurrent.
        to_gate, recurrent_to_gate: the factors to steps of 2⁻¹².
    """

    weights: np.ndarray
    bias: np.ndarray
    recurrent: np.ndarray
    recurrent_bias: np.ndarray
    to_gate: Rescale
    recurrent_to_gate: Rescale


@dataclass(frozen=True, eq=False)
class LstmParams:
    """lstm: int8 input and output, int16 gates and cell.

    Attributes:
        input_gate, forget_gate, cell_gate, output_gate: see Gate.
        sigmoid: of the input, forget and output gates; tanh: of the cell gate; cell_tanh: of the cell itself.
        forget: factor of forget gate · cell; update: of input gate · cell gate; hidden: of tanh(cell) · output gate.
        cell_clip: the cell lies in ±cell_clip; 0 where it may take all values of int16.
        output_zero_point: of the hidden state, which is the output.
        carried: hidden state and cell go on from one inference to the next; else both are 0 at the start of each.
    """

    input_gate: Gate
    forget_gate: Gate
    cell_gate: Gate
    output_gate: Gate
    sigmoid: WideSigmoidParams
    tanh: WideSigmoidParams
    cell_tanh: WideSigmoidParams
    forget: Rescale
    update: Rescale
    hidden: Rescale
    cell_clip: int
    output_zero_point: int
    carried: bool
