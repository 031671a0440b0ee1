"""Inferred ONNX graphs as Graphs; a body of If, Loop or Scan is a Graph in its node's attributes.

A body may read values of the graphs around it. Constants among them are constants of the body as well (the very same
Tensor); activations are further inputs of the body and further inputs of the node, after its own, so that whoever
follows the edges sees what the body needs. ``trips`` of a Loop or Scan says how often its body runs at most; it is
absent where that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.onnx_body import UNKNOWN_RANK, Body
from edgekit.graph.readers.onnx_tensors import dtype_name
from edgekit.graph.tensor import Tensor

TRIPS = "trips"
"""Attribute of a Loop or Scan: how often its body runs at most."""


def graph_of(body: Body, name: str, metadata: Mapping[str, str], outer: Mapping[str, Tensor] | None = None) -> Graph:
    """The Graph of ``body``.

    Args:
        body: as inferred.
        name: of the graph.
        metadata: of the graph.
        outer: tensors of the enclosing graph.

    Raises:
        BadFileError: an inconsistent graph.
        UnsupportedOpError: an element type that edgekit does not know.
    """
    proto, tensors = body.source.proto, _constants(body)
    inputs = [value.name for value in proto.input if value.name not in tensors]
    outputs = tuple(value.name for value in proto.output)
    made = {name for node in body.source.nodes for name in node.outputs if name}
    for item in (*inputs, *(o for o in outputs if o not in (outer or {})), *sorted(made)):
        if item not in tensors:
            tensors[item] = _activation(body, item)
    if outer is not None:
        _capture(body, tensors, inputs, outputs, outer)
    nodes = tuple(_with_bodies(body, index, node, tensors) for index, node in enumerate(body.source.nodes))
    return Graph(name, "onnx", tensors, nodes, tuple(inputs), outputs, metadata)


def _constants(body: Body) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for proto in body.source.proto.initializer:
        dtype = dtype_name(proto.data_type, proto.name)
        tensors[proto.name] = Tensor(proto.name, tuple(proto.dims), dtype, data=body.source.constants[proto.name])
    for table in body.source.proto.sparse_initializer:
        name = table.values.name
        tensors[name] = Tensor(name, tuple(table.dims), dtype_name(table.values.data_type, name), constant=True)
    return tensors


def _activation(body: Body, name: str) -> Tensor:
    number, shape = body.known(name)
    # Without an element type the byte count is as unknown as without a shape.
    return Tensor(name, shape, dtype_name(number, name)) if number else Tensor(name, UNKNOWN_RANK, "float32")


def _capture(
    body: Body, tensors: dict[str, Tensor], inputs: list[str], outputs: tuple[str, ...], outer: Mapping[str, Tensor]
) -> None:
    """Take over what the body reads from the graph around it."""
    read = {name for node in body.source.nodes for name in node.inputs if name}
    for name in sorted(read | set(outputs) | _read_inside(body)):
        if name not in tensors and name in outer:
            tensors[name] = outer[name]
            if not outer[name].constant:
                inputs.append(name)


def _read_inside(body: Body) -> set[str]:
    """Names that bodies inside ``body`` read or hand out."""
    found: set[str] = set()
    for inner in body.bodies.values():
        found |= {name for node in inner.source.nodes for name in node.inputs if name}
        found |= {value.name for value in inner.source.proto.output} | _read_inside(inner)
    return found


def _with_bodies(body: Body, index: int, node: Node, tensors: Mapping[str, Tensor]) -> Node:
    """The node with its bodies as Graphs, and with the activations that they take from around it as inputs."""
    inner: dict[str, Any] = {}
    captured: list[str] = []
    for (position, attribute), item in body.bodies.items():
        if position == index:
            graph = graph_of(item, f"{node.name}/{attribute}", {}, tensors)
            inner[attribute] = graph
            own = {value.name for value in item.source.proto.input}
            captured += [name for name in graph.inputs if name not in own and name not in captured]
    if not inner:
        return node
    if index in body.trips:
        inner[TRIPS] = body.trips[index]
    return node.replace(attrs={**node.attrs, **inner}, inputs=(*node.inputs, *captured))
