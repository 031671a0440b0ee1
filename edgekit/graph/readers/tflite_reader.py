"""TFLite flatbuffers into a Graph of the ``tflite`` dialect (schema v3, package ``tflite``).

The flatbuffers runtime checks little: an offset may point anywhere in the file and a vector may claim any length.
Four things keep a hostile file harmless: its structure is verified first (tflite_verify.py); every vector is taken as a
numpy view, whose extent numpy checks against the file; a meter bounds the total length of what is read, so that shared
vectors cannot multiply the work; and whatever the runtime raises on a damaged file is converted in :func:`read_tflite`,
the only place that knows these exceptions.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from flatbuffers import number_types

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.limits import MAX_NODES, MAX_TENSORS, MAX_TEXT, check_dims, read_file
from edgekit.graph.readers.tflite_control import MAX_DEPTH, STATE_KEY, SUBGRAPHS, TRIPS, trips
from edgekit.graph.readers.tflite_options import enum_names, read_options
from edgekit.graph.readers.tflite_verify import verify_tflite
from edgekit.graph.tensor import Dim, Quantization, Tensor, Unknown

FOREIGN_ERRORS = (struct.error, ValueError, TypeError, OverflowError, IndexError)
"""What flatbuffers and numpy raise when an offset or a length leads out of the file."""

NUMPY_TYPES: dict[str, str] = {
    "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "<i1", "UINT8": "<u1", "INT16": "<i2",
    "UINT16": "<u2", "INT32": "<i4", "UINT32": "<u4", "INT64": "<i8", "UINT64": "<u8", "BOOL": "?", "COMPLEX64": "<c8",
}  # fmt: skip
"""Schema element types that numpy can view in place; the others (INT4, BFLOAT16, STRING) are handled or left unread."""

NEWEST_OPERATOR = 32
"""Version of an operator; the newest that any runtime registers is 14."""
SCHEMA_VERSION = 3
"""The only version of the schema that is in use."""


def read_tflite(path: Path | str, subgraph: int = 0) -> Graph:
    """Read one subgraph of a TFLite file, and in its nodes' attributes those that it runs (tflite_control.SUBGRAPHS).

    Variable tensors, which a streaming model keeps from one inference to the next, are further inputs and outputs of
    the graph, after its own.

    Shapes are the file's ``shape`` field (what TFLM allocates), so a dynamic ``shape_signature`` over a concrete shape
    is static; a -1 in ``shape`` itself is Unknown ("batch" on axis 0). Node attributes are the builtin options in snake
    case, paddings and activations by name. Text entries of the metadata table go to ``Graph.metadata``; binary ones are
    left out. Constants are read-only views into the file's bytes; sparse and string constants are not read (data None).

    Raises:
        BadFileError: not a TFLite file, damaged, or beyond a limit of readers/limits.py.
    """
    place = Path(path)
    data = read_file(place, "TFLite model")
    mend = "export or download the model again"
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise BadFileError("not a TFLite model (no TFL3 mark)", where=str(place), mend=mend)
    try:
        verify_tflite(data)
        return _Reader(data, place.stem).graph(subgraph)
    except FOREIGN_ERRORS as error:
        raise BadFileError("damaged TFLite model: an offset leads out of it", where=str(place), mend=mend) from error
    except BadFileError as error:
        spot = f"{place}: {error.where}" if error.where else str(place)
        raise BadFileError(error.what, where=spot, mend=error.mend or mend) from error


class _Reader:
    """One pass over one file; ``_left`` is the meter (elements that may still be read)."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._left = 4 * len(data) + 65_536
        self._model = tflite.Model.GetRootAs(data, 0)
        self._read: dict[int, Graph] = {}
        self._sizes: dict[int, int] = {}
        self._open: list[int] = []

    def graph(self, index: int, prefix: str = "") -> Graph:
        """The subgraph ``index`` as a Graph; names of nodes begin with ``prefix``."""
        if index in self._open or len(self._open) > MAX_DEPTH:
            raise BadFileError(f"subgraph {index} runs itself, or subgraphs nest more than {MAX_DEPTH} deep")
        if index not in self._read:
            self._open.append(index)
            self._read[index] = self._subgraph(index, prefix)
            self._open.pop()
        return self._read[index]

    def _subgraph(self, index: int, prefix: str) -> Graph:
        model = self._model
        if model.Version() != SCHEMA_VERSION:
            raise BadFileError(f"is of schema version {model.Version()}, {SCHEMA_VERSION} is known")
        if not 0 <= index < self._count(model.SubgraphsLength(), 1000, "subgraphs"):
            raise BadFileError(f"has no subgraph {index}", mend="use subgraph 0")
        subgraph = model.Subgraphs(index)
        inputs, outputs = self._ints(subgraph, "Inputs"), self._ints(subgraph, "Outputs")
        operators = [subgraph.Operators(i) for i in range(self._count(subgraph.OperatorsLength(), MAX_NODES, "nodes"))]
        made = {i for operator in operators for i in self._ints(operator, "Outputs")} | set(inputs)
        tensors = self._tensors(subgraph, made)
        nodes = tuple(self._node(i, operator, tensors, prefix) for i, operator in enumerate(operators))
        self._sizes[index] = len(nodes) + sum(self._sizes[n] for node in nodes for n in _subgraph_numbers(node))
        if self._sizes[index] > MAX_NODES:
            raise BadFileError(f"subgraphs that run each other come to more than {MAX_NODES} nodes")
        nodes = self._with_trips(nodes, tensors)
        state = self._state(subgraph, tensors, made)
        return Graph(
            name=self._name,
            dialect="tflite",
            tensors={tensor.name: tensor for tensor in tensors},
            nodes=nodes,
            inputs=(*(self._name_of(tensors, i) for i in inputs), *state),
            outputs=(*(self._name_of(tensors, i) for i in outputs), *state),
            metadata={**({} if prefix else self._metadata()), **({STATE_KEY: "\n".join(state)} if state else {})},
        )

    @staticmethod
    def _with_trips(nodes: tuple[Node, ...], tensors: list[Tensor]) -> tuple[Node, ...]:
        """The nodes, loops among them with how often they run."""
        if not any("condition" in node.attrs for node in nodes):
            return nodes
        named = {tensor.name: tensor for tensor in tensors}
        counts = [trips(node, named) for node in nodes]
        return tuple(
            node if count is None else node.replace(attrs={**node.attrs, TRIPS: count})
            for node, count in zip(nodes, counts, strict=True)
        )

    @staticmethod
    def _state(subgraph: Any, tensors: list[Tensor], made: set[int]) -> tuple[str, ...]:
        """Variable tensors that no operator makes."""
        return tuple(
            tensor.name
            for i, tensor in enumerate(tensors)
            if i not in made and not tensor.constant and subgraph.Tensors(i).IsVariable()
        )

    # --- tensors

    def _tensors(self, subgraph: Any, made: set[int]) -> list[Tensor]:
        count = self._count(subgraph.TensorsLength(), MAX_TENSORS, "tensors")
        names: set[str] = set()
        tensors = []
        for index in range(count):
            table = subgraph.Tensors(index)
            name = self._text(table.Name()) or f"tensor_{index}"
            if name in names:
                name = f"{name}#{index}"
            if name in names:
                raise BadFileError(f"two tensors are called {name!r}")
            names.add(name)
            tensors.append(self._tensor(table, name, index in made))
        return tensors

    def _tensor(self, table: Any, name: str, made: bool) -> Tensor:
        sizes = self._ints(table, "Shape")
        check_dims(sizes, name)
        shape: tuple[Dim, ...] = tuple(
            size if size >= 0 else Unknown("batch" if axis == 0 else f"{name}:{axis}")
            for axis, size in enumerate(sizes)
        )
        kind = enum_names(tflite.TensorType).get(table.Type(), "?")
        dtype = kind.lower()
        tensor = Tensor(name, shape, dtype, self._quantization(table, name, sizes))
        self._require_buffer(table.Buffer(), name)  # of an activation too: runtimes refuse an index out of range
        if made or table.IsVariable():
            self._buffer(table.Buffer(), name)  # it holds nothing, but has to exist
            return tensor.replace(variable=not made)
        return self._with_data(tensor, table, kind)

    def _with_data(self, tensor: Tensor, table: Any, kind: str) -> Tensor:
        """The tensor as a constant if its buffer holds data, unchanged if it does not."""
        raw = self._buffer(table.Buffer(), tensor.name)
        if raw.size == 0 and not (tensor.static and tensor.elements == 0):
            return tensor
        if table.Sparsity() is not None or kind not in {*NUMPY_TYPES, "INT4"}:
            return tensor.replace(constant=True)
        if raw.size != tensor.nbytes:
            raise BadFileError(f"{tensor.nbytes} bytes of data expected, {raw.size} found", where=tensor.name)
        if kind == "INT4":
            self._charge(tensor.elements)
            return tensor.replace(data=_unpack_int4(raw, tensor.elements).reshape(tensor.dims))
        return tensor.replace(data=raw.view(NUMPY_TYPES[kind]).reshape(tensor.dims))

    def _buffer(self, index: int, where: str) -> np.ndarray:
        """Bytes of a buffer: inline, or behind the flatbuffer (``offset``/``size``, models beyond 2 GB)."""
        self._require_buffer(index, where)
        buffer = self._model.Buffers(index)
        if buffer.Offset() > 1:
            return np.frombuffer(self._data, np.uint8, count=buffer.Size(), offset=buffer.Offset())
        return buffer.DataAsNumpy() if buffer.DataLength() else np.empty(0, np.uint8)

    def _require_buffer(self, index: int, where: str) -> None:
        if not 0 <= index < self._model.BuffersLength():
            raise BadFileError(f"refers to buffer {index}, which does not exist", where=where)

    def _quantization(self, table: Any, name: str, sizes: tuple[int, ...]) -> Quantization | None:
        details = table.Quantization()
        if details is None or details.ScaleLength() == 0:
            return None
        scale = self._vector(details, "Scale")
        zero = self._vector(details, "ZeroPoint")
        if zero.size != scale.size:
            raise BadFileError(f"{scale.size} quantization scales and {zero.size} zero points", where=name)
        axis = details.QuantizedDimension()
        if not 0 <= axis < max(len(sizes), 1):
            raise BadFileError(f"is quantized along axis {axis} of shape {sizes}", where=name)
        if scale.size == 1:
            return Quantization(scale, zero)
        if sizes[axis] != scale.size:
            raise BadFileError(f"{scale.size} quantization scales do not fit shape {sizes}", where=name)
        return Quantization(scale, zero, axis)

    # --- nodes and metadata

    def _node(self, index: int, operator: Any, tensors: list[Tensor], prefix: str) -> Node:
        if not 0 <= operator.OpcodeIndex() < self._model.OperatorCodesLength():
            raise BadFileError(f"operator {index} has no operator code")
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        number = max(_builtin_code(code), code.DeprecatedBuiltinCode())
        if not 0 <= code.Version() <= NEWEST_OPERATOR:
            raise BadFileError(f"operator {index} is of version {code.Version()}, which no runtime has")
        op = enum_names(tflite.BuiltinOperator).get(number, f"BUILTIN_{number}")
        attrs = read_options(operator.BuiltinOptionsType(), operator.BuiltinOptions())
        self._charge(sum(len(value) for value in attrs.values() if isinstance(value, tuple | str)))
        if op.startswith("STABLEHLO_") and operator.BuiltinOptionsType():
            raise BadFileError(f"operator {index}, {op}, has the options of another operator")
        if op == "CUSTOM":
            attrs["custom_code"] = self._text(code.CustomCode())
        name = f"{prefix}{op.lower()}_{index}"
        for option, attribute in SUBGRAPHS.get(op, {}).items():
            if option in attrs:
                attrs[attribute] = self.graph(attrs[option], f"{name}/")
        return Node(
            op=op,
            name=name,
            inputs=tuple("" if i == -1 else self._name_of(tensors, i) for i in self._ints(operator, "Inputs")),
            outputs=tuple(self._name_of(tensors, i) for i in self._ints(operator, "Outputs")),
            attrs=attrs,
        )

    def _metadata(self) -> dict[str, str]:
        entries: dict[str, str] = {}
        for index in range(self._count(self._model.MetadataLength(), 1000, "metadata entries")):
            entry = self._model.Metadata(index)
            raw = self._buffer(entry.Buffer(), "metadata")
            self._charge(raw.size)
            if raw.size > MAX_TEXT:
                continue
            try:
                entries[self._text(entry.Name())] = raw.tobytes().rstrip(b"\0").decode("utf-8")
            except UnicodeDecodeError:
                continue  # binary metadata (documented in read_tflite)
        return entries

    # --- bounded access

    def _charge(self, amount: int) -> None:
        self._left -= int(amount)
        if self._left < 0:
            raise BadFileError("refers to the same data far too often")

    def _count(self, count: int, limit: int, what: str) -> int:
        if count > limit:
            raise BadFileError(f"{count} {what} are more than the limit of {limit}")
        self._charge(count)
        return count

    def _vector(self, table: Any, field: str) -> np.ndarray:
        """A vector of scalars as a view into the file (numpy checks that it lies inside)."""
        length = getattr(table, f"{field}Length")()
        self._charge(length)
        return getattr(table, f"{field}AsNumpy")() if length else np.empty(0, np.int32)

    def _ints(self, table: Any, field: str) -> tuple[int, ...]:
        return tuple(self._vector(table, field).tolist())

    def _text(self, raw: bytes | None) -> str:
        text = (raw or b"").decode("utf-8", "replace")
        self._charge(len(text))
        return text

    @staticmethod
    def _name_of(tensors: list[Tensor], index: int) -> str:
        if not 0 <= index < len(tensors):
            raise BadFileError(f"refers to tensor {index}, which does not exist")
        return tensors[index].name


def _builtin_code(code: Any) -> int:
    """The field ``builtin_code`` (slot 3); the package's accessor answers with the deprecated field instead."""
    place = code._tab.Offset(4 + 2 * 3)
    return int(code._tab.Get(number_types.Int32Flags, place + code._tab.Pos)) if place else 0


def _subgraph_numbers(node: Node) -> list[int]:
    """Numbers of the subgraphs that a node runs."""
    return [node.attrs[option] for option in SUBGRAPHS.get(node.op, {}) if option in node.attrs]


def _unpack_int4(raw: np.ndarray, elements: int) -> np.ndarray:
    """Two's complement nibbles, low nibble first (schema: INT4), as int8."""
    nibbles = np.stack([raw & 15, raw >> 4], axis=-1).reshape(-1)[:elements].astype(np.int8)
    return np.where(nibbles > 7, nibbles - 16, nibbles).astype(np.int8)
