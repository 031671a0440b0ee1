"""Shapes of all tensors of an ONNX graph, node by node, bodies of control flow included; dimensions bound by name."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.graph.readers.onnx_body import Body
from edgekit.graph.readers.onnx_control import infer_control
from edgekit.graph.readers.onnx_inference import Meter, Scope, check_type, completed, infer_node
from edgekit.graph.readers.onnx_source import Source, has_graphs, subgraphs


def bind_dims(model: Any, dims: Mapping[str, int] | None) -> None:
    """Replace symbolic dimensions of the model, in place.

    A dimension without a symbol in a graph input is called "INPUT:AXIS". Values that the file stores for inner tensors
    are replaced by name as well.

    Raises:
        BadConfigError: a name that no input has, or a size below 1.
    """
    initializers = {proto.name for proto in model.graph.initializer}
    known: set[str] = set()
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.WhichOneof("value") is None or (dim.HasField("dim_value") and dim.dim_value < 0):
                dim.dim_param = f"{value.name}:{axis}"
            if dim.HasField("dim_param") and value.name not in initializers:
                known.add(dim.dim_param)
    for name, size in (dims or {}).items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none: its inputs are static"
            raise BadConfigError(f"the model has no dimension {name!r}", mend=f"its unknown dimensions are {listed}")
        if size < 1:
            raise BadConfigError(f"dimension {name!r} cannot be {size}", mend="give a positive number")
    for graph in subgraphs(model.graph) if dims else ():
        for value in (*graph.input, *graph.output, *graph.value_info):
            for dim in value.type.tensor_type.shape.dim:
                if dim.HasField("dim_param") and dim.dim_param in (dims or {}):
                    dim.dim_value = (dims or {})[dim.dim_param]


def infer_shapes(
    source: Source, opsets: Mapping[str, int], outer: Scope | None = None, given: Sequence[Any] = ()
) -> Body:
    """Infer a graph from its inputs and operators; shapes that the file declares are asked where that has no answer.

    Args:
        source: the graph.
        opsets: version by domain.
        outer: the enclosing graph's scope.
        given: types of the first inputs where they are known better than the graph states them (bodies); None: not.

    Raises:
        BadFileError: a shape beyond the limits.
    """
    from onnx import helper

    graph = source.proto
    declared = {value.name: value.type for value in (*graph.value_info, *graph.output)}
    for name, kind in declared.items():
        check_type(kind, name)
    for value in graph.output:
        _check_typed(value)
    scope = Scope(
        types=ChainMap({}, outer.types) if outer else {},
        values=ChainMap({}, outer.values) if outer else {},
        declared=declared,
        opsets=opsets,
        meter=outer.meter if outer else Meter(),
    )
    for index, value in enumerate(graph.input):
        known = given[index] if index < len(given) else None
        check_type(value.type, value.name)
        _check_typed(value)
        if known is not None:
            _check_agrees(value, known)
        kind = value.type if known is None else completed(known, value.type, value.name)
        check_type(kind, value.name)
        scope.types[value.name] = kind
    for proto in graph.initializer:
        scope.types[proto.name] = helper.make_tensor_type_proto(proto.data_type, list(proto.dims))
    scope.values.update(source.constants)
    body = Body(source, scope)

    def infer_body(inner: Source, around: Scope, known: Sequence[Any]) -> Body:
        return infer_shapes(inner, opsets, around, known)

    for index, (proto, node) in enumerate(zip(graph.node, source.nodes, strict=True)):
        if has_graphs(proto):
            infer_control(index, node, body, infer_body)
        else:
            infer_node(proto, node, scope)
    return body


def _check_typed(value: Any) -> None:
    """Inputs and outputs of a graph have an element type, by the standard."""
    if value.type.WhichOneof("value") == "tensor_type" and value.type.tensor_type.elem_type == 0:
        raise BadFileError("has no element type", where=value.name)


def _check_agrees(value: Any, known: Any) -> None:
    """An input of a body states no other shape than it is given: runtimes take the statement at its word.

    Raises:
        BadFileError: another rank, or another size of a dimension.
    """
    stated, given = value.type.tensor_type, known.tensor_type
    if not stated.HasField("shape") or not given.HasField("shape"):
        return
    pairs = zip(stated.shape.dim, given.shape.dim, strict=False)
    differ = any(a.HasField("dim_value") and b.HasField("dim_value") and a.dim_value != b.dim_value for a, b in pairs)
    if differ or len(stated.shape.dim) != len(given.shape.dim):
        raise BadFileError("states another shape than it is given", where=value.name)
