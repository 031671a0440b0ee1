"""Shapes through If, Loop and Scan, and how often their bodies run."""

from __future__ import annotations

from typing import Any

from edgekit.graph.graph import Node
from edgekit.graph.readers.onnx_body import Body, InferBody
from edgekit.graph.tensor import Unknown


def infer_control(index: int, node: Node, body: Body, infer: InferBody) -> None:
    """Infer the graphs in the attributes of node ``index`` of ``body``, and from them the node's outputs.

    Operators other than If, Loop and Scan (from version 9) are left alone: their outputs are what the file declares.

    Raises:
        BadFileError: a shape beyond the limits.
    """
    if node.op == "If":
        found = _if(index, node, body, infer)
    elif node.op == "Loop":
        found = _loop(index, node, body, infer)
    elif node.op == "Scan" and body.scope.opsets.get("", 0) >= 9:
        found = _scan(index, node, body, infer)
    else:
        found = []
        for key in [key for key in body.source.inner if key[0] == index]:
            body.bodies[key] = infer(body.source.inner[key], body.scope, [])
    for position, name in enumerate(node.outputs):
        if name:
            body.scope.put(name, found[position] if position < len(found) else None)


def _enter(index: int, attribute: str, body: Body, given: list[Any], infer: InferBody) -> Body | None:
    source = body.source.inner.get((index, attribute))
    if source is None:
        return None
    inner = infer(source, body.scope, given)
    body.bodies[index, attribute] = inner
    return inner


def _outputs(inner: Body) -> list[Any]:
    return [inner.scope.types.get(value.name) for value in inner.source.proto.output]


def _if(index: int, node: Node, body: Body, infer: InferBody) -> list[Any]:
    branches = [_enter(index, attribute, body, [], infer) for attribute in ("then_branch", "else_branch")]
    if branches[0] is None or branches[1] is None:
        return []
    return [common(a, b) for a, b in zip(_outputs(branches[0]), _outputs(branches[1]), strict=False)]


def _loop(index: int, node: Node, body: Body, infer: InferBody) -> list[Any]:
    """Values that are carried keep their shape only where the body hands on the shape it was given."""
    from onnx import TensorProto, helper

    head = [helper.make_tensor_type_proto(TensorProto.INT64, []), helper.make_tensor_type_proto(TensorProto.BOOL, [])]
    carried = [body.scope.types.get(name) for name in node.inputs[2:]]
    inner = _carry(index, body, head, carried, [], 1, infer)
    if inner is None:
        return []
    trips = body.scope.values.get(node.inputs[0]) if node.inputs and node.inputs[0] else None
    if trips is not None and trips.size == 1 and trips.dtype.kind in "iu":
        body.trips[index] = max(0, int(trips.reshape(-1)[0]))
    state, stacked = _outputs(inner)[1 : 1 + len(carried)], _outputs(inner)[1 + len(carried) :]
    # How many times it really runs is not known: the condition may end it.
    return [*(common(a, b) for a, b in zip(carried, state, strict=False)), *(_stack(kind, None, 0) for kind in stacked)]


def _scan(index: int, node: Node, body: Body, infer: InferBody) -> list[Any]:
    count = node.attrs.get("num_scan_inputs", 0)
    if not isinstance(count, int) or not 0 < count <= len(node.inputs):
        return []
    states, scanned = node.inputs[:-count], node.inputs[-count:]
    axes = _axes(node.attrs.get("scan_input_axes"), count)
    slices: list[Any] = []
    lengths = set()
    for name, axis in zip(scanned, axes, strict=True):
        shape = body.scope.shape(name)
        if shape is None or not -len(shape) <= axis < len(shape):
            slices.append(None)
            continue
        lengths.add(shape[axis])
        slices.append(_without(body.scope.types[name], axis))
    carried = [body.scope.types.get(name) for name in states]
    inner = _carry(index, body, [], carried, slices, 0, infer)
    if inner is None:
        return []
    length = lengths.pop() if len(lengths) == 1 else Unknown("?")
    if isinstance(length, int):
        body.trips[index] = length
    state, stacked = _outputs(inner)[: len(states)], _outputs(inner)[len(states) :]
    places = _axes(node.attrs.get("scan_output_axes"), len(stacked))
    kinds = [_stack(kind, length, axis) for kind, axis in zip(stacked, places, strict=True)]
    return [*(common(a, b) for a, b in zip(carried, state, strict=False)), *kinds]


def _carry(
    index: int, body: Body, head: list[Any], carried: list[Any], tail: list[Any], skipped: int, infer: InferBody
) -> Body | None:
    """The body inferred with the shapes that its carried values keep from turn to turn.

    ``skipped`` outputs come before the carried values. What changes in the first turn is unknown from then on.
    """
    inner = _enter(index, "body", body, [*head, *carried, *tail], infer)
    if inner is None:
        return None
    after = _outputs(inner)[skipped : skipped + len(carried)]
    kept = [common(a, b) for a, b in zip(carried, after, strict=False)]
    if all(a is None or b == a for a, b in zip(carried, kept, strict=False)):
        return inner
    kept += [None] * (len(carried) - len(kept))
    again = _enter(index, "body", body, [*head, *kept, *tail], infer)
    carried[:] = kept
    return again


def common(a: Any, b: Any) -> Any:
    """The type that two values share: dimensions in which they differ are unknown; None where nothing is shared."""
    if a is None or b is None or a.WhichOneof("value") != "tensor_type" or b.WhichOneof("value") != "tensor_type":
        return a if a is not None and a == b else None
    if a.tensor_type.elem_type != b.tensor_type.elem_type:
        return None
    shared = type(a)()
    shared.CopyFrom(a)
    mine, theirs = shared.tensor_type.shape.dim, b.tensor_type.shape.dim
    if not b.tensor_type.HasField("shape") or not a.tensor_type.HasField("shape") or len(mine) != len(theirs):
        shared.tensor_type.ClearField("shape")
        return shared
    for one, other in zip(mine, theirs, strict=True):
        if one != other:
            one.Clear()
    return shared


def _axes(attribute: Any, count: int) -> tuple[int, ...]:
    return attribute if isinstance(attribute, tuple) and len(attribute) == count else (0,) * count


def _without(kind: Any, axis: int) -> Any:
    """A tensor type without one axis."""
    sliced = type(kind)()
    sliced.CopyFrom(kind)
    del sliced.tensor_type.shape.dim[axis]
    return sliced


def _stack(kind: Any, length: Any, axis: int) -> Any:
    """A tensor type with an axis more, of ``length`` where that is a number."""
    if kind is None or kind.WhichOneof("value") != "tensor_type" or not kind.tensor_type.HasField("shape"):
        return kind if kind is None or kind.WhichOneof("value") == "tensor_type" else None
    dims = list(kind.tensor_type.shape.dim)
    place = axis if axis >= 0 else axis + len(dims) + 1
    if not 0 <= place <= len(dims):
        return None
    stacked = type(kind)()
    stacked.tensor_type.elem_type = kind.tensor_type.elem_type
    stacked.tensor_type.shape.SetInParent()
    for number in range(len(dims) + 1):
        dim = stacked.tensor_type.shape.dim.add()
        if number != place:
            dim.CopyFrom(dims[number - (number > place)])
        elif isinstance(length, int):
            dim.dim_value = length
    return stacked
