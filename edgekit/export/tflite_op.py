"""One operator of a TFLite file, and what the writers of operators share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import tflite

from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor

ACTIVATIONS = {
    "none": tflite.ActivationFunctionType.NONE,
    "relu": tflite.ActivationFunctionType.RELU,
    "relu6": tflite.ActivationFunctionType.RELU6,
}
"""Fused activations in the schema's numbers."""

_WIDE_VERSIONS = {
    "SUM": 2,
    "SUB": 5,
    "MUL": 4,
    "SLICE": 4,
    "STRIDED_SLICE": 4,
    "TRANSPOSE": 5,
    "QUANTIZE": 2,
    "RESHAPE": 1,
}
"""Versions of operators on int16 where they are not 3."""


@dataclass(frozen=True)
class TfliteOp:
    """One TFLite operator.

    Attributes:
        code: name in the schema's BuiltinOperator.
        version: of the operator, as TensorFlow's own converter numbers it (tools/versioning/op_version.cc).
        inputs: tensor names; "" is an absent one.
        outputs: tensor names.
        options: name of the options table, "" for none.
        fields: its fields by schema accessor name.
        constants: int32 inputs that the edge dialect keeps as attributes.
        intermediates: tensors without memory in which runtimes look up scales.
    """

    code: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: str = ""
    fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    constants: tuple[Tensor, ...] = ()
    intermediates: tuple[Tensor, ...] = ()


def version(graph: Graph, node: Node, code: str) -> int:
    """Version of an operator whose version follows from the element type: 1 for float32, 2 for int8."""
    kinds = {graph.tensor(name).dtype for name in (node.inputs[0], *node.outputs)}
    if "int16" in kinds:
        return _WIDE_VERSIONS.get(code, 3)
    return 2 if graph.tensor(node.inputs[0]).dtype == "int8" else 1


def int32_constant(name: str, values: Any) -> Tensor:
    """A constant input that the edge dialect keeps as an attribute."""
    data = np.asarray(values, dtype=np.int32)
    return Tensor(name, data.shape, "int32", data=data)
