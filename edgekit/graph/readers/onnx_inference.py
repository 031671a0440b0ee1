"""Shapes and small values of ONNX nodes, one node after another.

onnx infers shapes in C++. Over a whole model that allocates without bound: a dimension of 2^59 that becomes a rank, a
Concat that doubles its own result. Here every node is inferred alone, its operands are checked before and its results
after, so that no step starts from more than readers/limits.py allows. Values of shape arithmetic (a few hundred
elements at most) are computed on the way, which follows more of it than onnx' own data propagation.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_constants import evaluate
from edgekit.graph.readers.limits import MAX_NODES, check_dims
from edgekit.graph.readers.onnx_source import DEFAULT_DOMAINS
from edgekit.graph.readers.onnx_traps import check_node
from edgekit.graph.tensor import Dim, Shape, Unknown

MAX_FOLDED = 256
"""Elements of a value that is followed: no shape is longer, and weights are."""

SAME_TYPE = frozenset({"GroupNormalization", "MeanVarianceNormalization"})
"""Operators whose schema carries a function instead of an inference: their output is like their first input."""


@dataclass
class Meter:
    """Nodes that may still be inferred."""

    left: int = 2 * MAX_NODES

    def tick(self, where: str) -> None:
        """Take one.

        Raises:
            BadFileError: none is left.
        """
        self.left -= 1
        if self.left < 0:
            raise BadFileError("graphs are nested so that inference does not end", where=where)


@dataclass
class Scope:
    """What is known about the values that a graph's nodes may read.

    Attributes:
        types: TypeProto by name; absent where nothing is known.
        values: constants, and results of shape arithmetic.
        declared: TypeProto that the file states for inner values; asked where inference has no answer.
        opsets: version by domain.
        meter: what all graphs of the file together have inferred (bodies of control flow are inferred repeatedly).
    """

    types: MutableMapping[str, Any]
    values: MutableMapping[str, np.ndarray]
    declared: Mapping[str, Any]
    opsets: Mapping[str, int]
    meter: Meter

    def shape(self, name: str) -> Shape | None:
        """The shape of ``name``, None where not even the rank is known."""
        kind = self.types.get(name)
        if kind is None or kind.WhichOneof("value") != "tensor_type" or not kind.tensor_type.HasField("shape"):
            return None
        return tuple(dim_of(dim) for dim in kind.tensor_type.shape.dim)

    def put(self, name: str, kind: Any) -> None:
        """Set the type of ``name``, completed by what the file declares.

        Raises:
            BadFileError: a shape beyond the limits.
        """
        merged = completed(kind, self.declared.get(name), name)
        if merged is not None:
            check_type(merged, name)
            self.types[name] = merged


def dim_of(dim: Any) -> Dim:
    """A dimension of a TensorShapeProto."""
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return int(dim.dim_value)
    return Unknown(dim.dim_param or "?")


def check_type(kind: Any, where: str) -> None:
    """Check a TypeProto's element type, and its shape against the limits.

    Raises:
        BadFileError: an element type that is none, a rank or a product of dimensions beyond the limits.
    """
    from onnx import TensorProto

    if kind.WhichOneof("value") != "tensor_type":
        return
    if kind.tensor_type.elem_type not in TensorProto.DataType.values():
        raise BadFileError(f"element type number {kind.tensor_type.elem_type} does not exist", where=where)
    if kind.tensor_type.HasField("shape"):
        check_dims([dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.tensor_type.shape.dim], where)


def completed(kind: Any, declared: Any, where: str) -> Any:
    """``kind`` with its unknown dimensions taken from ``declared`` where the ranks agree; None when nothing is known.

    What is computed wins, so that a stale shape changes nothing that the operators determine. Another element type than
    the computed one is no staleness: no runtime takes such a file.

    Raises:
        BadFileError: two element types.
    """
    if kind is None or kind.WhichOneof("value") is None:
        return declared
    if declared is None or kind.WhichOneof("value") != "tensor_type" or declared.WhichOneof("value") != "tensor_type":
        return kind
    ours, theirs = kind.tensor_type, declared.tensor_type
    if ours.elem_type and theirs.elem_type and ours.elem_type != theirs.elem_type:
        raise BadFileError(f"declares element type {theirs.elem_type} and has {ours.elem_type}", where=where)
    if not theirs.HasField("shape"):
        return kind
    merged = type(kind)()
    merged.CopyFrom(kind)
    if not merged.tensor_type.elem_type:
        merged.tensor_type.elem_type = theirs.elem_type
    if not ours.HasField("shape"):
        merged.tensor_type.shape.CopyFrom(theirs.shape)
    elif len(ours.shape.dim) == len(theirs.shape.dim):
        for mine, stated in zip(merged.tensor_type.shape.dim, theirs.shape.dim, strict=True):
            if not mine.HasField("dim_value") and stated.HasField("dim_value"):
                mine.CopyFrom(stated)
    return merged


def infer_node(proto: Any, node: Node, scope: Scope) -> None:
    """Put types and, where they are small constants, values of the outputs of one node into ``scope``.

    Raises:
        BadFileError: a result beyond the limits.
    """
    scope.meter.tick(node.name)
    value = _value(node, scope) if len(node.outputs) == 1 else None
    if value is not None and value.size <= MAX_FOLDED:
        scope.values[node.outputs[0]] = value
        scope.types[node.outputs[0]] = _type_of(value)
        return
    found = _inferred(proto, node, scope)
    for name in filter(None, node.outputs):
        scope.put(name, found.get(name))


def _inferred(proto: Any, node: Node, scope: Scope) -> Mapping[str, Any]:
    """The answer of onnx about one node; empty where it has none."""
    from onnx import TypeProto, checker, defs, shape_inference

    domain = "" if proto.domain in DEFAULT_DOMAINS else proto.domain
    version = scope.opsets.get(domain, 0)
    if not version or not defs.has(proto.op_type, version, domain):
        return {}
    if node.op in SAME_TYPE and node.inputs and node.inputs[0] in scope.types:
        return {node.outputs[0]: scope.types[node.inputs[0]]} if node.outputs else {}
    schema = defs.get_schema(proto.op_type, version, domain)
    if not schema.has_type_and_shape_inference_function:
        return {}
    check_node(node, scope)
    types = {name: scope.types.get(name) or TypeProto() for name in node.inputs if name}
    data = {name: _proto(scope, name) for name in types if _small(scope.values.get(name))}
    try:
        return shape_inference.infer_node_outputs(
            schema, proto, types, data, opset_imports=[_opset(name, number) for name, number in scope.opsets.items()]
        )
    except checker.ValidationError as error:
        raise BadFileError(f"{node.op} is not as the standard has it: {_line(error)}", where=node.name) from error
    except (shape_inference.InferenceError, RuntimeError, ValueError, TypeError) as error:
        if all(kind.WhichOneof("value") for kind in types.values()):
            raise BadFileError(f"{node.op} does not fit its inputs: {_line(error)}", where=node.name) from error
        return {}  # its inputs are not known; what it makes may be declared
    except MemoryError as error:
        raise BadFileError("shape inference wants too much memory", where=node.name) from error


def _line(error: Exception) -> str:
    """The first line of onnx' message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _opset(domain: str, version: int) -> Any:
    from onnx import OperatorSetIdProto

    return OperatorSetIdProto(domain=domain, version=version)


def _small(value: np.ndarray | None) -> bool:
    return value is not None and value.size <= MAX_FOLDED and value.dtype.kind in "iufb"


def _proto(scope: Scope, name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(scope.values[name]).reshape(scope.values[name].shape), name)


def _type_of(value: np.ndarray) -> Any:
    from onnx import helper

    return helper.make_tensor_type_proto(int(helper.np_dtype_to_tensor_dtype(value.dtype)), list(value.shape))


def _value(node: Node, scope: Scope) -> np.ndarray | None:
    """The output's value where it follows from small constants and static shapes alone."""
    try:
        if node.op in ("Shape", "Size"):
            shape = scope.shape(node.inputs[0]) if node.inputs else None
            dims = tuple(dim for dim in shape or () if isinstance(dim, int))
            if shape is None or len(dims) != len(shape):
                return None
            # Nothing is allocated: a broadcast view has the shape alone.
            return evaluate(node, [np.broadcast_to(np.int8(0), dims)])
        if not node.inputs:
            return None
        operands = [scope.values.get(name) if name else None for name in node.inputs]
        if any(name and not _small(value) for name, value in zip(node.inputs, operands, strict=True)):
            return None
        return evaluate(node, operands)
    except BadFileError:
        return None  # the node is wrong or unusual; inference says what it can about it
