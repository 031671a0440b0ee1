"""Multiply-accumulates of an ONNX model by running it: onnx' reference evaluator gives the arrays, we multiply.

Nothing of edgekit is in it: shapes are those of the arrays that came out, not inferred ones.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx

UNCOUNTED = frozenset(
    {"LSTM", "GRU", "RNN", "Attention", "STFT", "DFT", "AffineGrid", "Einsum", "DeformConv", "If", "Loop", "Scan"}
    | {"SequenceMap", "LinearAttention", "Det", "CausalConvWithState", "ImageDecoder"}
)
"""Operators for which this peer has no formula."""


def peer_macs(model: Any, inputs: list[Any]) -> int | None:
    """MACs of ``model`` on ``inputs``; None where the evaluator or this peer cannot say.

    Args:
        model: ModelProto.
        inputs: one array a graph input.
    """
    from onnx.reference import ReferenceEvaluator

    graph = model.graph
    if any(node.op_type in UNCOUNTED or node.domain not in ("", "ai.onnx") for node in graph.node):
        return None
    stored = {item.name for item in graph.initializer}
    names = [value.name for value in graph.input]
    names = names if len(inputs) == len(names) else [name for name in names if name not in stored]
    if len(names) != len(inputs):
        return None
    try:
        values = ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True)), intermediate=True)
    except Exception:  # the evaluator lacks an operator or a type; edgekit is not asked here
        return None
    arrays = {**{item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}, **values}
    return sum(_node_macs(node, arrays) for node in graph.node)


def _node_macs(node: Any, arrays: dict[str, Any]) -> int:
    shapes = [np.shape(arrays[name]) if name else () for name in node.input]
    out = np.shape(arrays[node.output[0]]) if node.output[0] else ()
    match node.op_type:
        case "Conv" | "ConvInteger":
            return prod(out) * prod(shapes[1][1:])
        case "QLinearConv":
            return prod(out) * prod(shapes[3][1:])
        case "ConvTranspose":
            return prod(shapes[0]) * prod(shapes[1][1:])
        case "MatMul" | "MatMulInteger":
            return prod(out) * shapes[0][-1]
        case "QLinearMatMul":
            return prod(out) * shapes[0][-1]
        case "Gemm":
            transposed = any(item.name == "transA" and item.i for item in node.attribute)
            return prod(out) * shapes[0][0 if transposed else 1]
        case _:
            return 0
