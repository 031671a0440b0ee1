"""What integer functions need at run time: softmax, and functions of one value (params_arithmetic.py has sums)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.graph.integer.params_arithmetic import Clamp, MatmulParams
from edgekit.graph.integer.params_rescale import Rescale


@dataclass(frozen=True)
class SoftmaxParams:
    """softmax over the last axis.

    Attributes:
        rescale: of (q − max of the row) into fixed point with 5 integer bits; its shift is ≥ 0.
        diff_min: smaller differences count as probability 0.
    """

    rescale: Rescale
    diff_min: int


@dataclass(frozen=True, eq=False)
class WideSoftmaxParams:
    """softmax of int16 over the last axis, through tables with interpolation (interpolated.py).

    Attributes:
        rescale: of (q − max of the row) so that −65535 stands for −10.
        exponential: int16 [513], exp from −10 to 0.
        reciprocal: int16 [513], 1/(1 + x) from 0 to 1.
    """

    rescale: Rescale
    exponential: np.ndarray
    reciprocal: np.ndarray


@dataclass(frozen=True, eq=False)
class WideSigmoidParams:
    """logistic and tanh of int16: (q · multiplier + half) >> shift, then the table of the logistic function.

    Attributes:
        multiplier, shift: into steps of 1/24 · 2⁻⁹ (logistic) or 2⁻⁸ (tanh, whose argument is doubled).
        table: int64 [256], logistic(i/24) · 2¹⁶.
        is_tanh: which of the two.
    """

    multiplier: int
    shift: int
    table: np.ndarray
    is_tanh: bool


@dataclass(frozen=True)
class WideRsqrtParams:
    """rsqrt of int16: 1/√q with 20 fractional bits, rescaled; 0 gives the largest value."""

    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, eq=False)
class LookupParams:
    """A function of one int8 value: output q = table[q + 128], int8 [256]."""

    table: np.ndarray


@dataclass(frozen=True)
class AttentionParams:
    """attention (graph/attention.py): the parameters of its three parts."""

    scores: MatmulParams
    softmax: SoftmaxParams
    values: MatmulParams
