"""Graphs of an ONNX file as they are written: nodes and initializers, those in attributes included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.readers.limits import MAX_NODES, MAX_TENSORS
from edgekit.graph.readers.onnx_tensors import read_initializer

DEFAULT_DOMAINS = ("", "ai.onnx")
MAX_DEPTH = 8
"""Bodies of control flow inside bodies."""


@dataclass(frozen=True, eq=False)
class Source:
    """A GraphProto, read.

    Attributes:
        proto: the GraphProto; its Constant nodes are initializers.
        nodes: its nodes; a graph in an attribute is the text "<graph>" there.
        constants: its initializers.
        inner: (index of a node, attribute) to the graph in that attribute.
    """

    proto: Any
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    inner: Mapping[tuple[int, str], Source]


def check_graphs(model: Any) -> None:
    """Check names and numbers of nodes and tensors of all graphs.

    Raises:
        BadFileError: too many nodes or initializers, a name that is no text, graphs nested deeper than MAX_DEPTH.
    """
    nodes = initializers = 0
    for graph in subgraphs(model.graph):
        nodes, initializers = nodes + len(graph.node), initializers + len(graph.initializer)
        if nodes > MAX_NODES or initializers > MAX_TENSORS:
            raise BadFileError(f"more than {MAX_NODES} nodes or {MAX_TENSORS} initializers")
        _check_names(graph)


def subgraphs(graph: Any, depth: int = 0) -> Iterator[Any]:
    """``graph`` and all graphs in attributes of its nodes.

    Raises:
        BadFileError: bodies nested deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise BadFileError(f"graphs are nested more than {MAX_DEPTH} deep")
    yield graph
    for node in graph.node:
        for _, inner in graphs_of(node):
            yield from subgraphs(inner, depth + 1)


def graphs_of(node: Any) -> Iterator[tuple[str, Any]]:
    """(key, GraphProto) of the graphs in a node's attributes; of a list of them the key has a number."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.name, attribute.g
        for number, inner in enumerate(attribute.graphs):
            yield f"{attribute.name}#{number}", inner


def has_graphs(node: Any) -> bool:
    """Whether an attribute of ``node`` holds a graph."""
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def read_source(graph: Any, folder: Path, prefix: str = "") -> Source:
    """Read a GraphProto; changes it: ``Constant`` nodes become initializers.

    Args:
        graph: the GraphProto.
        folder: the folder that external data must not leave.
        prefix: put before the names of nodes, which name the node that holds the graph.

    Raises:
        BadFileError: damaged constants, or two of one name.
    """
    _constants_to_initializers(graph)
    constants: dict[str, np.ndarray] = {}
    for proto in graph.initializer:
        if proto.name in constants:
            raise BadFileError(f"two initializers are called {proto.name!r}")
        constants[proto.name] = read_initializer(proto, folder)
    nodes = _nodes(graph, prefix)
    inner = {
        (index, key): read_source(body, folder, f"{nodes[index].name}/")
        for index, proto in enumerate(graph.node)
        for key, body in graphs_of(proto)
    }
    return Source(graph, nodes, constants, inner)


def _check_names(graph: Any) -> None:
    """Names are text; protobuf hands out bytes where a damaged file holds no UTF-8."""
    values = (*graph.initializer, *graph.input, *graph.output, *graph.value_info)
    names = [value.name for value in values]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    if not all(isinstance(name, str) for name in names):
        raise BadFileError("a name is not text")


def _constants_to_initializers(graph: Any) -> None:
    """``Constant`` nodes with a tensor, number or list become initializers, in place."""
    from onnx import numpy_helper

    kept = []
    for node in graph.node:
        attribute = node.attribute[0] if len(node.attribute) == 1 else None
        if node.op_type != "Constant" or node.domain not in DEFAULT_DOMAINS or attribute is None or not node.output:
            kept.append(node)
        elif attribute.name == "value":
            proto = graph.initializer.add()
            proto.CopyFrom(attribute.t)
            proto.name = node.output[0]
        elif attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
            dtype = np.float32 if "float" in attribute.name else np.int64
            values = _attribute(attribute)
            graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), node.output[0]))
        else:
            kept.append(node)
    if len(kept) < len(graph.node):
        copies = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)


def _nodes(graph: Any, prefix: str) -> tuple[Node, ...]:
    used: set[str] = set()
    nodes = []
    for index, proto in enumerate(graph.node):
        name = f"{prefix}{proto.name or f'{proto.op_type}_{index}'}"
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
