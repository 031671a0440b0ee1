"""Edge graphs as TFLite files (schema version 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from edgekit.core.errors import UnsupportedOpError
from edgekit.core.files import write_bytes
from edgekit.export.explicit_pads import split_explicit_pads
from edgekit.export.table_lookup import expand_lookups
from edgekit.export.tflite_op import TfliteOp
from edgekit.export.tflite_ops import tflite_op
from edgekit.export.tflite_table import TableWriter
from edgekit.export.zero_bias import add_zero_bias
from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Quantization, Tensor

_SCHEMA_VERSION = 3
_TYPES = {
    "float32": "FLOAT32", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "resource": "RESOURCE",
}  # fmt: skip
_NUMPY_TYPES = {"float32": "<f4", "int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8"}
# Codes below this number also stand in the field that readers before schema 3a look at.
_DEPRECATED_CODES = 127


def write_tflite(graph: Graph, path: Path) -> None:
    """Write ``graph`` to ``path``; see :func:`tflite_bytes`."""
    write_bytes(path, tflite_bytes(graph))


def tflite_bytes(graph: Graph) -> bytes:
    """The TFLite file of an edge graph.

    Paddings become SAME or VALID where equal, otherwise a PAD operator in front; a convolution
    without bias gets one of zeros. ``graph.metadata`` becomes metadata
    entries of the same names. The same graph gives the same bytes.

    Args:
        graph: edge dialect with known shapes, int8, int16 or float32.

    Raises:
        UnsupportedOpError: another dialect, an element type or an operator form that TFLite cannot express.
        UnknownShapeError: a shape is not known.
    """
    return model_bytes([subgraph_of(graph)], graph)


@dataclass(frozen=True)
class Subgraph:
    """One subgraph of a file: tensor names in its order, operators in theirs."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: tuple[TfliteOp, ...]
    tensors: tuple[Tensor, ...]


def subgraph_of(graph: Graph) -> Subgraph:
    """An edge graph's operators and tensors.

    Raises:
        UnsupportedOpError: as :func:`tflite_bytes`.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} is not written", mend="lower it first")
    graph = expand_lookups(add_zero_bias(split_explicit_pads(graph)))
    operators = tuple(tflite_op(graph, node) for node in graph.nodes)
    constants = [tensor for operator in operators for tensor in (*operator.constants, *operator.intermediates)]
    return Subgraph(graph.name, graph.inputs, graph.outputs, operators, (*graph.tensors.values(), *constants))


def model_bytes(subgraphs: Sequence[Subgraph], graph: Graph) -> bytes:
    """A file of these subgraphs, the first of which runs, with the metadata of ``graph``."""
    return _File(graph, subgraphs).write()


class _File:
    """One file in the making: buffers, then tensors, then operators that refer to them by number."""

    def __init__(self, graph: Graph, subgraphs: Sequence[Subgraph]) -> None:
        self._graph = graph
        self._subgraphs = subgraphs
        self._index: dict[str, int] = {}
        self._codes = sorted({(operator.code, operator.version) for part in subgraphs for operator in part.operators})
        self._out = TableWriter()
        self._buffers = [self._out.table("Buffer", {})]  # number 0 is the empty one, by the schema
        self._stored: dict[bytes, int] = {}

    def write(self) -> bytes:
        """The bytes of the file."""
        out = self._out
        subgraphs = [self._subgraph(part) for part in self._subgraphs]
        fields = {
            "Version": _SCHEMA_VERSION,
            "OperatorCodes": out.offsets([self._code(*code) for code in self._codes]),
            "Subgraphs": out.offsets(subgraphs),
            "Description": out.text("edgekit"),
            "Metadata": out.offsets([self._entry(*item) for item in sorted(self._graph.metadata.items())]),
        }
        fields["Buffers"] = out.offsets(self._buffers)
        return out.finish(out.table("Model", fields))

    def _subgraph(self, part: Subgraph) -> int:
        out = self._out
        self._index = {tensor.name: number for number, tensor in enumerate(part.tensors)}
        tensors = out.offsets([self._tensor(tensor) for tensor in part.tensors])
        operators = out.offsets([self._operator(operator) for operator in part.operators])
        inputs, outputs = self._numbers(part.inputs), self._numbers(part.outputs)
        name = out.text(part.name)
        return out.table(
            "SubGraph",
            {"Tensors": tensors, "Inputs": inputs, "Outputs": outputs, "Operators": operators, "Name": name},
        )

    def _numbers(self, names: tuple[str, ...]) -> int:
        return self._out.ints([self._index[name] if name else -1 for name in names])

    def _buffer(self, payload: bytes) -> int:
        """Number of the buffer with these bytes; equal ones are written once."""
        if payload not in self._stored:
            self._buffers.append(self._out.table("Buffer", {"Data": self._out.data(payload)}))
            self._stored[payload] = len(self._buffers) - 1
        return self._stored[payload]

    def _entry(self, name: str, value: str) -> int:
        buffer = self._buffer(value.encode("utf-8"))
        return self._out.table("Metadata", {"Name": self._out.text(name), "Buffer": buffer})

    def _tensor(self, tensor: Tensor) -> int:
        if tensor.dtype not in _TYPES:
            raise UnsupportedOpError(f"element type {tensor.dtype}", where=tensor.name)
        fields = {
            "Shape": self._out.ints(tensor.dims),
            "Type": getattr(tflite.TensorType, _TYPES[tensor.dtype]),
            "Buffer": 0 if tensor.data is None else self._buffer(_payload(tensor)),
            "Name": self._out.text(tensor.name),
            "IsVariable": tensor.variable,
        }
        if tensor.quant is not None:
            fields["Quantization"] = self._quantization(tensor.quant)
        return self._out.table("Tensor", fields)

    def _quantization(self, quant: Quantization) -> int:
        fields = {
            "Scale": self._out.floats(quant.scale),
            "ZeroPoint": self._out.ints(quant.zero_point.tolist(), "<i8"),
            "QuantizedDimension": quant.axis or 0,
        }
        return self._out.table("QuantizationParameters", fields)

    def _operator(self, operator: TfliteOp) -> int:
        fields = {
            "OpcodeIndex": self._codes.index((operator.code, operator.version)),
            "Inputs": self._numbers(operator.inputs),
            "Outputs": self._numbers(operator.outputs),
        }
        if operator.intermediates:
            fields["Intermediates"] = self._numbers(tuple(tensor.name for tensor in operator.intermediates))
        if operator.options:
            values = {key: self._field(value) for key, value in operator.fields.items()}
            fields["BuiltinOptions"] = self._out.table(operator.options, values)
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, operator.options)
        return self._out.table("Operator", fields)

    def _field(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return self._out.ints(value)
        return self._out.text(value) if isinstance(value, str) else value

    def _code(self, name: str, version: int) -> int:
        number = getattr(tflite.BuiltinOperator, name)
        fields = {"DeprecatedBuiltinCode": min(number, _DEPRECATED_CODES), "Version": version, "BuiltinCode": number}
        return self._out.table("OperatorCode", fields)


def _payload(tensor: Tensor) -> bytes:
    data = np.asarray(tensor.data)
    if data.size != tensor.elements:
        raise UnsupportedOpError(f"{data.size} values for shape {tensor.dims}", where=tensor.name)
    return np.ascontiguousarray(data, dtype=_NUMPY_TYPES[tensor.dtype]).tobytes()
