"""The parameters of all integer nodes under one roof: ``Params`` is any of them, ``Prepared`` those of a graph.

They are defined by what they are for: params_arithmetic.py (sums and products), params_rescale.py, params_functions.py,
params_moves.py, params_bilinear.py and params_recurrent.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edgekit.graph.integer.params_arithmetic import (
    Accumulate,
    AddParams,
    Clamp,
    ConvParams,
    DepthwiseParams,
    DequantizeParams,
    ExtremeParams,
    FullyConnectedParams,
    MatmulParams,
    MeanParams,
    MulParams,
    PoolParams,
    PreluParams,
    QuantizeParams,
    RequantizeParams,
)
from edgekit.graph.integer.params_bilinear import BilinearParams, Line
from edgekit.graph.integer.params_functions import (
    AttentionParams,
    LookupParams,
    SoftmaxParams,
    WideRsqrtParams,
    WideSigmoidParams,
    WideSoftmaxParams,
)
from edgekit.graph.integer.params_moves import (
    ConcatParams,
    GatherParams,
    PadParams,
    Pair,
    ReshapeParams,
    SliceParams,
    TransposeParams,
)
from edgekit.graph.integer.params_recurrent import Gate, LstmParams, SvdfParams
from edgekit.graph.integer.params_rescale import Rescale

__all__ = [
    "Accumulate",
    "AddParams",
    "AttentionParams",
    "BilinearParams",
    "Clamp",
    "ConcatParams",
    "ConvParams",
    "DepthwiseParams",
    "DequantizeParams",
    "ExtremeParams",
    "FullyConnectedParams",
    "Gate",
    "GatherParams",
    "Line",
    "LookupParams",
    "LstmParams",
    "MatmulParams",
    "MeanParams",
    "MulParams",
    "PadParams",
    "Pair",
    "Params",
    "PoolParams",
    "PreluParams",
    "Prepared",
    "QuantizeParams",
    "RequantizeParams",
    "Rescale",
    "ReshapeParams",
    "SliceParams",
    "SoftmaxParams",
    "SvdfParams",
    "TransposeParams",
    "WideRsqrtParams",
    "WideSigmoidParams",
    "WideSoftmaxParams",
]

Params = (
    ConvParams
    | DepthwiseParams
    | FullyConnectedParams
    | PoolParams
    | MeanParams
    | AddParams
    | AttentionParams
    | MulParams
    | PadParams
    | ReshapeParams
    | TransposeParams
    | SliceParams
    | ConcatParams
    | SoftmaxParams
    | WideSoftmaxParams
    | WideSigmoidParams
    | WideRsqrtParams
    | MatmulParams
    | GatherParams
    | BilinearParams
    | ExtremeParams
    | PreluParams
    | LookupParams
    | RequantizeParams
    | QuantizeParams
    | DequantizeParams
    | SvdfParams
    | LstmParams
)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The parameters of every node of an integer graph, by node name."""

    nodes: dict[str, Params] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Params:
        return self.nodes[name]
