"""Shapes of all tensors of an ONNX model: binds dimensions by name, then runs onnx' shape inference on a skeleton."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.readers.limits import check_dims
from edgekit.graph.readers.onnx_folding import elem_type, fold_shapes
from edgekit.graph.tensor import Dim, Shape, Unknown

SMALL = 1024
"""Bytes up to which an initializer goes into the skeleton: long enough for shape operands, short enough to copy."""

MAX_ROUNDS = 64
"""Rounds of folding and inference: one for each Shape that reads what an earlier fold made known."""

UNKNOWN_RANK: Shape = (Unknown("?"),)
"""Shape of a tensor of which not even the rank is known: never static, whatever is bound."""


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
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param") and dim.dim_param in (dims or {}):
                dim.dim_value = (dims or {})[dim.dim_param]


def infer_shapes(
    model: Any, nodes: tuple[Node, ...] = (), constants: Mapping[str, np.ndarray] | None = None
) -> dict[str, tuple[int, Shape]]:
    """Element type (TensorProto number, 0 unknown) and shape of every tensor that onnx can tell.

    Shape inference reads the values of small tensors only, so weights stay out of the copy that it makes: they enter it
    as typed inputs. Data propagation is on, because exporters compute reshape targets in the graph.

    Where that leaves dimensions open, shape arithmetic over ``nodes`` and ``constants`` (the same model, read) is
    folded and inference runs again.

    What follows from the inputs and the operators is computed; shapes that the file declares for inner tensors and
    outputs are asked only where that does not answer, so that a wrong or stale declaration changes nothing.

    Raises:
        BadFileError: the model contradicts itself so badly that inference gives up.
    """
    computed = _computed(model, nodes, constants or {})
    declared = [value for value in (*model.graph.value_info, *model.graph.output) if not _static(computed, value.name)]
    if not any(value.type.tensor_type.HasField("shape") for value in declared):
        return computed
    known = {name: found for name, found in computed.items() if _static(computed, name)}
    return {**_infer(model, declared), **known}


def _computed(model: Any, nodes: tuple[Node, ...], constants: Mapping[str, np.ndarray]) -> dict[str, tuple[int, Shape]]:
    """Inference without declared shapes, again with folded shape arithmetic for as long as that tells more."""
    computed = _infer(model, ())
    folded: dict[str, np.ndarray] = {}
    for _ in range(MAX_ROUNDS):
        if all(_static(computed, name) for node in nodes for name in node.outputs if name):
            return computed
        more = fold_shapes(nodes, constants, {name: shape for name, (_, shape) in computed.items()})
        if len(more) == len(folded):
            return computed
        folded = more
        computed = _infer(model, (), folded)
    return computed


def _static(shapes: Mapping[str, tuple[int, Shape]], name: str) -> bool:
    return name in shapes and all(isinstance(dim, int) for dim in shapes[name][1])


def _infer(
    model: Any, declared: Sequence[Any], folded: Mapping[str, np.ndarray] = MappingProxyType({})
) -> dict[str, tuple[int, Shape]]:
    """Inference over the inputs, the operators, the ``declared`` shapes and the ``folded`` values alone."""
    import onnx
    from onnx import shape_inference

    skeleton = _skeleton(model, declared)
    _replace_folded(skeleton.graph, folded)
    try:
        inferred = shape_inference.infer_shapes(skeleton, check_type=False, strict_mode=False, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFileError(f"shape inference fails: {reason[:200]}", mend="export the model again") from error
    graph = inferred.graph if isinstance(inferred, onnx.ModelProto) else skeleton.graph
    values = {name: (elem_type(value), value.shape) for name, value in folded.items()}
    return {**_shapes((*graph.input, *graph.value_info, *graph.output)), **values}


def _replace_folded(graph: Any, folded: Mapping[str, np.ndarray]) -> None:
    """Initializers in place of the nodes that make ``folded``, as far as no graph output is one of them."""
    from onnx import numpy_helper

    outputs = {value.name for value in graph.output}
    replaced = {name: value for name, value in folded.items() if name not in outputs}
    if not replaced:
        return
    kept = [node for node in graph.node if not any(name in replaced for name in node.output)]
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)
    graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in replaced.items())


def _skeleton(model: Any, declared: Sequence[Any]) -> Any:
    """A copy of the model in which larger initializers are typed inputs and only ``declared`` shapes are stated."""
    import onnx

    skeleton = onnx.ModelProto()
    skeleton.ir_version = max(model.ir_version, 4)
    skeleton.opset_import.extend(model.opset_import)
    graph = skeleton.graph
    graph.name = model.graph.name or "graph"
    graph.node.extend(model.graph.node)
    stated = {value.name for value in declared}
    outputs = {value.name for value in model.graph.output}
    for value in model.graph.output:
        output = graph.output.add()
        output.CopyFrom(value)
        if value.name not in stated and value.type.WhichOneof("value") == "tensor_type":
            output.type.tensor_type.ClearField("shape")
    graph.value_info.extend(value for value in declared if value.name not in outputs)
    initializers = {proto.name for proto in model.graph.initializer}
    graph.input.extend(value for value in model.graph.input if value.name not in initializers)
    for proto in model.graph.initializer:
        if proto.data_location != onnx.TensorProto.EXTERNAL and proto.ByteSize() <= SMALL:
            graph.initializer.append(proto)
        else:
            value = onnx.helper.make_tensor_value_info(proto.name, proto.data_type, list(proto.dims))
            graph.input.append(value)
    return skeleton


def _shapes(values: Iterable[Any]) -> dict[str, tuple[int, Shape]]:
    found: dict[str, tuple[int, Shape]] = {}
    for value in values:
        tensor = value.type.tensor_type
        if value.type.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
            continue
        shape = tuple(_dim(dim) for dim in tensor.shape.dim)
        check_dims([dim if isinstance(dim, int) else -1 for dim in shape], value.name)
        found[value.name] = (tensor.elem_type, shape)
    return found


def _dim(dim: Any) -> Dim:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return int(dim.dim_value)
    return Unknown(dim.dim_param or "?")
