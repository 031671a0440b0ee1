"""What must hold of an edge graph before anything computes with it or compiles it."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import (
    ACTIVATIONS,
    EDGE_OPS,
    INT16_OPS,
    PAIR_OPS,
    RECURRENT_OPS,
    SAME_SCALE_OPS,
    activation_inputs,
)
from edgekit.graph.passes.check_recurrent import check_recurrent
from edgekit.graph.passes.shapes import infer_output
from edgekit.graph.tensor import Tensor

WEIGHTED = {"conv2d": 0, "depthwise_conv2d": 3, "fully_connected": 0}
"""Operators with constant weights, and the weights' output-channel axis."""

_SAME_TYPES = (("float32", "float32"), ("int8", "int8"), ("int16", "int16"))
_INTEGERS = ("int8", "int16")
_CONVERSIONS = {
    # A quantize between two integer tensors rescales (TFLite's QUANTIZE does both).
    "quantize": (("float32", "float32"), *((x, y) for x in ("float32", *_INTEGERS) for y in _INTEGERS)),
    "dequantize": (*((x, "float32") for x in _INTEGERS),),
    "lookup": (("int8", "int8"),),
}
"""Element types of input and output that operators may have."""


def check_edge(graph: Graph) -> Graph:
    """The graph itself, after these checks, so that a pipeline can end in it.

    1. Batch 1: every input of rank ≥ 2 starts with 1.
    2. Every node is an edge operator with one output, whose shape follows from its inputs (passes/shapes.py).
    3. A node computes in float32, in int8 or in int16 throughout; only quantize and dequantize change sides.
    4. Integer forms are those of graph/ops.py: activations per tensor (int16 with zero point 0), weights with zero
       point 0 per output channel or per tensor, bias int32 (int64 beside int16), unchanged quantization where the
       operator keeps it.

    Raises:
        BadFileError: the graph contradicts itself.
        UnsupportedOpError: a form of an operator, or an element type, that edgekit does not carry.
    """
    for name in graph.inputs:
        dims = graph.tensor(name).dims
        if len(dims) > 1 and dims[0] != 1:
            raise UnsupportedOpError(f"batch is {dims[0]}", where=name, mend="export the model with batch 1")
    for node in graph.nodes:
        _check_shape(graph, node)
        _check_types(graph, node)
    return graph


def _check_shape(graph: Graph, node: Node) -> None:
    if node.op not in EDGE_OPS:
        raise UnsupportedOpError(f"{node.op} is not an edge operator", where=node.name)
    if len(node.outputs) != 1 or not node.inputs or not node.inputs[0]:
        raise BadFileError(f"{node.op} needs an input and one output", where=node.name)
    found = graph.tensor(node.outputs[0]).dims
    if node.op == "reshape":
        source = graph.tensor(node.inputs[0])
        if source.elements != graph.tensor(node.outputs[0]).elements:
            raise BadFileError(f"reshape of {source.dims} to {found}", where=node.name, mend="export the model again")
    elif infer_output(node, graph.tensors) != found:
        expected = infer_output(node, graph.tensors)
        raise BadFileError(f"{node.op} gives {expected}, the file says {found}", where=node.name)
    if node.attrs.get("activation", "none") not in ACTIVATIONS:
        raise UnsupportedOpError(f"activation {node.attrs['activation']} on {node.op}", where=node.name)


def _check_types(graph: Graph, node: Node) -> None:
    x, y = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    expected = _CONVERSIONS.get(node.op, _SAME_TYPES if node.op in INT16_OPS else _SAME_TYPES[:2])
    if (x.dtype, y.dtype) not in expected:
        raise UnsupportedOpError(
            f"{node.op} from {x.dtype} to {y.dtype}",
            where=node.name,
            mend="activations are float32, int8 or, where TFLM has it, int16: convert the model to one of them",
        )
    activations = [*(graph.tensor(name) for name in activation_inputs(node)), y]
    for tensor in activations:
        if tensor.dtype in ("int8", "int16"):
            _check_activation(tensor, node)
    if node.op in PAIR_OPS and any(tensor.dtype != y.dtype for tensor in activations):
        raise UnsupportedOpError(f"{node.op} of different element types", where=node.name)
    if node.op in WEIGHTED:
        _check_weights(graph, node, x.dtype)
    if node.op in RECURRENT_OPS:
        check_recurrent(graph, node)
    if node.op == "concat" and any(tensor.dtype != y.dtype for tensor in activations):
        raise UnsupportedOpError("concat of different element types", where=node.name)
    if (
        node.op in SAME_SCALE_OPS
        and x.dtype in ("int8", "int16")
        and len({tensor.scale_zero() for tensor in activations}) > 1
    ):
        raise UnsupportedOpError(
            f"{node.op} changes the quantization", where=node.name, mend="quantize the model with edgekit quantize"
        )


def _check_activation(tensor: Tensor, node: Node) -> None:
    _, zero_point = tensor.scale_zero()
    if tensor.dtype == "int16" and zero_point != 0:
        raise UnsupportedOpError(f"int16 tensor {tensor.name!r} with zero point {zero_point}", where=node.name)
    if not -128 <= zero_point <= 127:
        raise BadFileError(f"zero point {zero_point} of {tensor.name!r} is no int8", where=node.name)


def _check_weights(graph: Graph, node: Node, dtype: str) -> None:
    """Weights and bias are constants with data, in the element types that go with the activations'."""
    weights = graph.tensor(node.inputs[1])
    bias = graph.tensor(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
    kinds = {"int8": ("int8", "int32"), "int16": ("int8", "int64")}.get(dtype, (dtype, dtype))
    for tensor, kind in zip((weights, bias), kinds, strict=True):
        if tensor is None:
            continue
        if tensor.data is None:
            raise UnsupportedOpError(
                f"{node.op} with weights that are not constants ({tensor.name!r})",
                where=node.name,
                mend="export the model with its weights frozen",
            )
        if tensor.dtype != kind:
            raise UnsupportedOpError(f"{tensor.dtype} weights or bias where {kind} is needed", where=node.name)
        if kind == "float32" and not np.all(np.isfinite(tensor.data)):
            raise BadFileError("weights that are infinite or not a number", where=node.name, mend="train again")
    if dtype == "float32":
        return
    if weights.quant is None or np.any(weights.quant.zero_point != 0):
        raise UnsupportedOpError(
            "int8 weights without scales or with a zero point other than 0",
            where=node.name,
            mend="convert the model with symmetric weights (TFLite's int8 specification)",
        )
    if weights.quant.axis not in (None, WEIGHTED[node.op]):
        raise UnsupportedOpError(f"weights quantized along axis {weights.quant.axis}", where=node.name)
