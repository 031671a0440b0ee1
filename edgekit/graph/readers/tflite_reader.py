"""TFLite flatbuffers into a Graph of the ``tflite`` dialect (schema v3, package ``tflite``).

The flatbuffers runtime checks little: an offset may point anywhere in the file and a vector may claim any length.
Four things keep a hostile file harmless: its structure is verified first (tflite_verify.py); every vector is taken as a
numpy view, whose extent numpy checks against the file; a meter bounds the total length of what is read
(tflite_meter.py); and whatever the runtime raises on a damaged file is converted in :func:`read_tflite`, the only place
that knows these exceptions.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import tflite
from flatbuffers import number_types

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.limits import MAX_NODES, MAX_TEXT, read_file
from edgekit.graph.readers.tflite_control import MAX_DEPTH, STATE_KEY, SUBGRAPHS, TRIPS, trips
from edgekit.graph.readers.tflite_meter import Meter
from edgekit.graph.readers.tflite_options import enum_names, options_fault, read_options
from edgekit.graph.readers.tflite_tensors import TensorReader
from edgekit.graph.readers.tflite_verify import verify_tflite
from edgekit.graph.tensor import Tensor

FOREIGN_ERRORS = (struct.error, ValueError, TypeError, OverflowError, IndexError)
"""What flatbuffers and numpy raise when an offset or a length leads out of the file."""

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
    """One pass over one file."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        self._model = tflite.Model.GetRootAs(data, 0)
        self._meter = Meter(4 * len(data) + 65_536)
        self._tensors = TensorReader(data, self._model, self._meter)
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
        if not 0 <= index < self._meter.count(model.SubgraphsLength(), 1000, "subgraphs"):
            raise BadFileError(f"has no subgraph {index}", mend="use subgraph 0")
        subgraph = model.Subgraphs(index)
        inputs, outputs = self._meter.ints(subgraph, "Inputs"), self._meter.ints(subgraph, "Outputs")
        operators = [
            subgraph.Operators(i) for i in range(self._meter.count(subgraph.OperatorsLength(), MAX_NODES, "nodes"))
        ]
        made = {i for operator in operators for i in self._meter.ints(operator, "Outputs")} | set(inputs)
        tensors = self._tensors.read(subgraph, made)
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

    def _node(self, index: int, operator: Any, tensors: list[Tensor], prefix: str) -> Node:
        if not 0 <= operator.OpcodeIndex() < self._model.OperatorCodesLength():
            raise BadFileError(f"operator {index} has no operator code")
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        number = max(_builtin_code(code), code.DeprecatedBuiltinCode())
        if not 0 <= code.Version() <= NEWEST_OPERATOR:
            raise BadFileError(f"operator {index} is of version {code.Version()}, which no runtime has")
        op = enum_names(tflite.BuiltinOperator).get(number, f"BUILTIN_{number}")
        if fault := options_fault(op, operator.BuiltinOptionsType()):
            raise BadFileError(f"operator {index}, {fault}")
        attrs = read_options(operator.BuiltinOptionsType(), operator.BuiltinOptions())
        self._meter.charge(sum(len(value) for value in attrs.values() if isinstance(value, tuple | str)))
        if op == "CUSTOM":
            attrs["custom_code"] = self._meter.text(code.CustomCode())
        name = f"{prefix}{op.lower()}_{index}"
        for option, attribute in SUBGRAPHS.get(op, {}).items():
            if option in attrs:
                attrs[attribute] = self.graph(attrs[option], f"{name}/")
        return Node(
            op=op,
            name=name,
            inputs=tuple("" if i == -1 else self._name_of(tensors, i) for i in self._meter.ints(operator, "Inputs")),
            outputs=tuple(self._name_of(tensors, i) for i in self._meter.ints(operator, "Outputs")),
            attrs=attrs,
        )

    def _metadata(self) -> dict[str, str]:
        entries: dict[str, str] = {}
        for index in range(self._meter.count(self._model.MetadataLength(), 1000, "metadata entries")):
            entry = self._model.Metadata(index)
            raw = self._tensors.buffer(entry.Buffer(), "metadata")
            self._meter.charge(raw.size)
            if raw.size > MAX_TEXT:
                continue
            try:
                entries[self._meter.text(entry.Name())] = raw.tobytes().rstrip(b"\0").decode("utf-8")
            except UnicodeDecodeError:
                continue  # binary metadata (documented in read_tflite)
        return entries

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
