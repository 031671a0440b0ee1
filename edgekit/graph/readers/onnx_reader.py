"""ONNX files into a Graph of the ``onnx`` dialect (package ``onnx``; nothing of the file is executed)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.limits import MAX_NODES, MAX_TENSORS, MAX_TEXT, read_file
from edgekit.graph.readers.onnx_functions import inline_functions
from edgekit.graph.readers.onnx_shapes import UNKNOWN_RANK, bind_dims, infer_shapes
from edgekit.graph.readers.onnx_tensors import dtype_name, read_initializer
from edgekit.graph.tensor import Tensor

OPSET_KEY = "onnx.opset"
"""Metadata key under which a read graph carries the version of the default operator set."""
MEND = "export or download the model again"
DEFAULT_DOMAINS = ("", "ai.onnx")
FOREIGN_ERRORS = (ValueError, TypeError, OverflowError, IndexError)
"""What protobuf, onnx' helpers and numpy raise on fields that parse but make no sense."""


def read_onnx(path: Path | str, dims: Mapping[str, int] | None = None) -> Graph:
    """Read an ONNX model.

    Every tensor has a shape; a dimension that neither the file, ``dims`` nor inference tells is ``Unknown(symbol)``.
    Operators of other domains are called "domain::Op". ``Constant`` nodes are constants of the graph, local functions
    are inlined, other operators are kept as they are, known or not. ``metadata_props`` go to ``Graph.metadata``,
    together with ``onnx.opset``. Tensor attributes are numpy arrays, subgraphs the text "<graph>".

    Args:
        path: the file; external data is read from its folder only.
        dims: size by symbol of the model's unknown dimensions ("INPUT:AXIS" where it has no symbol).

    Raises:
        BadFileError: not ONNX, damaged, inconsistent, or beyond a limit of readers/limits.py.
        UnsupportedOpError: an element type that edgekit does not know.
        BadConfigError: ``dims`` names a dimension that the model has not.
    """
    place = Path(path)
    model = _parse(read_file(place, "ONNX model"), place)
    try:
        if len(model.graph.node) > MAX_NODES or len(model.graph.initializer) > MAX_TENSORS:
            raise BadFileError(f"more than {MAX_NODES} nodes or {MAX_TENSORS} initializers")
        _check_names(model)
        model = inline_functions(model)
        _constants_to_initializers(model)
        bind_dims(model, dims)
        return _graph(model, place)
    except FOREIGN_ERRORS as error:
        raise BadFileError("damaged ONNX model: a field makes no sense", where=str(place), mend=MEND) from error
    except BadFileError as error:
        spot = f"{place}: {error.where}" if error.where else str(place)
        raise BadFileError(error.what, where=spot, mend=error.mend or MEND) from error


def _parse(data: bytes, place: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError) as error:  # ValueError: text that is not UTF-8
        raise BadFileError("not an ONNX model, or a damaged one", where=str(place), mend=MEND) from error
    if not model.HasField("graph") or not model.graph.output or not model.opset_import:
        raise BadFileError("not an ONNX model, or a truncated one", where=str(place), mend=MEND)
    return model


def _check_names(model: Any) -> None:
    """Names are text; protobuf hands out bytes where a damaged file holds no UTF-8."""
    graph = model.graph
    values = (*graph.initializer, *graph.input, *graph.output, *graph.value_info)
    names = [value.name for value in values]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    if not all(isinstance(name, str) for name in names):
        raise BadFileError("a name is not text")


def _constants_to_initializers(model: Any) -> None:
    """``Constant`` nodes with a tensor, number or list become initializers, in place."""
    import numpy as np
    from onnx import numpy_helper

    kept = []
    for node in model.graph.node:
        attribute = node.attribute[0] if len(node.attribute) == 1 else None
        if node.op_type != "Constant" or node.domain not in DEFAULT_DOMAINS or attribute is None or not node.output:
            kept.append(node)
        elif attribute.name == "value":
            proto = model.graph.initializer.add()
            proto.CopyFrom(attribute.t)
            proto.name = node.output[0]
        elif attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
            dtype = np.float32 if "float" in attribute.name else np.int64
            values = _attribute(attribute)
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), node.output[0]))
        else:
            kept.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _graph(model: Any, place: Path) -> Graph:
    tensors: dict[str, Tensor] = {}
    for proto in model.graph.initializer:
        if proto.name in tensors:
            raise BadFileError(f"two initializers are called {proto.name!r}")
        data = read_initializer(proto, place.parent)
        dtype = dtype_name(proto.data_type, proto.name)
        tensors[proto.name] = Tensor(proto.name, tuple(proto.dims), dtype, data=data)
    nodes = _nodes(model)
    inputs = tuple(value.name for value in model.graph.input if value.name not in tensors)
    outputs = tuple(value.name for value in model.graph.output)
    made = {name for node in nodes for name in node.outputs if name}
    values = {name: tensor.data for name, tensor in tensors.items() if tensor.data is not None}
    shapes = infer_shapes(model, nodes, values)
    for name in (*inputs, *outputs, *sorted(made)):
        if name not in tensors:
            number, shape = shapes.get(name, (0, UNKNOWN_RANK))
            # Without an element type the byte count is as unknown as without a shape.
            known = number != 0
            dtype = dtype_name(number, name) if known else "float32"
            tensors[name] = Tensor(name, shape if known else UNKNOWN_RANK, dtype)
    for table in model.graph.sparse_initializer:
        name = table.values.name
        shape = tuple(table.dims)
        tensors[name] = Tensor(name, shape, dtype_name(table.values.data_type, name), constant=True)
    return Graph(place.stem, "onnx", tensors, nodes, inputs, outputs, _metadata(model))


def _nodes(model: Any) -> tuple[Node, ...]:
    used: set[str] = set()
    nodes = []
    for index, proto in enumerate(model.graph.node):
        name = proto.name or f"{proto.op_type}_{index}"
        name = f"{name}#{index}" if name in used else name
        used.add(name)
        op = proto.op_type if proto.domain in DEFAULT_DOMAINS else f"{proto.domain}::{proto.op_type}"
        attrs = {attribute.name: _attribute(attribute) for attribute in proto.attribute}
        nodes.append(Node(op, name, tuple(proto.input), tuple(proto.output), attrs))
    return tuple(nodes)


def _attribute(attribute: Any) -> Any:
    """An attribute as a number, text, tuple, or numpy array (tensors)."""
    import onnx

    kinds = onnx.AttributeProto
    match attribute.type:
        case kinds.FLOAT:
            return float(attribute.f)
        case kinds.INT:
            return int(attribute.i)
        case kinds.STRING:
            return attribute.s.decode("utf-8", "replace")
        case kinds.FLOATS:
            return tuple(float(value) for value in attribute.floats)
        case kinds.INTS:
            return tuple(int(value) for value in attribute.ints)
        case kinds.STRINGS:
            return tuple(value.decode("utf-8", "replace") for value in attribute.strings)
        case kinds.TENSOR:
            return read_initializer(attribute.t, None)
        case _:
            return f"<{kinds.AttributeType.Name(attribute.type).lower()}>"


def _metadata(model: Any) -> dict[str, str]:
    entries = {entry.key: entry.value for entry in model.metadata_props if len(entry.value) <= MAX_TEXT}
    versions = [entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS]
    return {**entries, OPSET_KEY: str(max(versions))} if versions else entries
