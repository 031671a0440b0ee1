"""Local functions of an ONNX model, replaced by their bodies."""

from __future__ import annotations

from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.readers.limits import MAX_NODES
from edgekit.graph.readers.onnx_source import graphs_of


def inline_functions(model: Any) -> Any:
    """The model without local functions (torch's exporters write them for modules).

    The size of the result is computed first: a few functions that call each other twice would otherwise expand without
    bound.

    Raises:
        BadFileError: functions that call themselves, or expand to more than MAX_NODES nodes.
    """
    if not model.functions:
        return model
    from onnx import inliner

    bodies = {(function.domain, function.name): function.node for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    if _expanded(model.graph.node, bodies, sizes, ()) > MAX_NODES:
        raise BadFileError(f"its functions expand to more than {MAX_NODES} nodes")
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, TypeError) as error:
        raise BadFileError("its local functions cannot be inlined") from error


def _expanded(
    nodes: Any, bodies: dict[tuple[str, str], Any], sizes: dict[tuple[str, str], int], path: tuple[Any, ...]
) -> int:
    """Nodes after inlining; ``path`` holds the functions being expanded."""
    total = 0
    for node in nodes:
        for _, inner in graphs_of(node):
            total += _expanded(inner.node, bodies, sizes, path)
        key = (node.domain, node.op_type)
        if key not in bodies:
            total += 1
            continue
        if key in path or len(path) > 50:
            raise BadFileError(f"function {node.op_type!r} calls itself")
        if key not in sizes:
            sizes[key] = _expanded(bodies[key], bodies, sizes, (*path, key))
        total += sizes[key]
    return total
