"""The shape arithmetic of an ONNX model that shape inference does not carry out, done on small constants.

Exporters write the target of an Expand or Reshape as a chain of Shape, Concat, Equal, Where, …; onnx' data propagation
follows only part of it and answers the rest with unknown dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_constants import evaluate
from edgekit.graph.tensor import Shape

MAX_FOLDED = 256
"""Elements of a value that is followed: no shape is longer, and weights are."""


def fold_shapes(
    nodes: tuple[Node, ...], constants: Mapping[str, np.ndarray], shapes: Mapping[str, Shape]
) -> dict[str, np.ndarray]:
    """Values of node outputs that follow from small ``constants`` and static ``shapes`` alone.

    Args:
        nodes: in execution order, ONNX operators.
        constants: initializers by name; those above MAX_FOLDED elements are left alone.
        shapes: what is known about tensors.

    Returns:
        Output name to its value, for nodes with one output.
    """
    known = {name: value for name, value in constants.items() if value.size <= MAX_FOLDED}
    folded: dict[str, np.ndarray] = {}
    for node in nodes:
        value = _value(node, known, shapes) if len(node.outputs) == 1 else None
        if value is not None and value.size <= MAX_FOLDED:
            known[node.outputs[0]] = folded[node.outputs[0]] = value
    return folded


def _value(node: Node, known: Mapping[str, np.ndarray], shapes: Mapping[str, Shape]) -> np.ndarray | None:
    if node.op in ("Shape", "Size"):
        shape = shapes.get(node.inputs[0]) if node.inputs else None
        dims = tuple(dim for dim in shape or () if isinstance(dim, int))
        if shape is None or len(dims) != len(shape):
            return None
        # Nothing is allocated: a broadcast view has the shape alone.
        return evaluate(node, [np.broadcast_to(np.int8(0), dims)])
    if not node.inputs or any(name and name not in known for name in node.inputs):
        return None
    try:
        return evaluate(node, [known[name] if name else None for name in node.inputs])
    except BadFileError:
        return None  # the node is wrong or unusual; inference says what it can about it


def elem_type(value: Any) -> int:
    """TensorProto number of a folded value's element type."""
    import onnx

    return int(onnx.helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype))
