"""The ONNX checker on a copy of the model without its weights."""

from __future__ import annotations

from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.onnx_source import DEFAULT_DOMAINS, subgraphs

SMALL = 1024
"""Bytes up to which an initializer is checked as it is; larger ones are checked by the reader itself."""

_UNKNOWN_DOMAIN = "edgekit.unknown"


def check_standard(model: Any) -> None:
    """Check types, attributes and names by the standard.

    Operators that the installed onnx does not know are left to the counting rules, which say so by name.

    Raises:
        BadFileError: the checker refuses the model.
    """
    from onnx import checker

    skeleton = _skeleton(model)
    try:
        checker.check_model(skeleton, full_check=False)
    except (checker.ValidationError, RuntimeError, ValueError, TypeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise BadFileError(f"not as the standard has it: {line}") from error


def _skeleton(model: Any) -> Any:
    """A copy in which larger initializers are typed inputs and unknown operators are of a domain without a schema.

    Graphs inside operators keep their initializers.
    """
    import onnx

    skeleton = onnx.ModelProto()
    # Before version 4 initializers were inputs as well; Constant nodes have become initializers here.
    skeleton.ir_version = max(model.ir_version, 4) if model.ir_version > 0 else 0
    skeleton.opset_import.extend(model.opset_import)
    graph = skeleton.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    given = {value.name for value in model.graph.input}
    for proto in model.graph.initializer:
        if proto.data_location != onnx.TensorProto.EXTERNAL and proto.ByteSize() <= SMALL:
            graph.initializer.append(proto)
        elif proto.name not in given:
            graph.input.append(onnx.helper.make_tensor_value_info(proto.name, proto.data_type, list(proto.dims)))
    opsets = {"" if item.domain in DEFAULT_DOMAINS else item.domain: item.version for item in model.opset_import}
    skeleton.opset_import.add(domain=_UNKNOWN_DOMAIN, version=1)
    for inner in subgraphs(graph):
        for node in inner.node:
            if not _known(node, opsets):
                node.domain = _UNKNOWN_DOMAIN
        # The checker wants shapes; runtimes and exporters do without those of outputs.
        for value in (*inner.input, *inner.output):
            if value.type.WhichOneof("value") == "tensor_type":
                value.type.tensor_type.shape.SetInParent()
    return skeleton


def _known(node: Any, opsets: dict[str, int]) -> bool:
    from onnx import defs

    domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
    return domain in opsets and bool(defs.has(node.op_type, opsets[domain], domain))
