"""What onnx' inference in C++ does not survive: nodes that are refused before it is asked about them.

onnx indexes with some attributes unchecked, which ends the process (Split, GatherND), loops on others (Einsum), or
makes as many dimensions as an operand says. Found by asking it about random nodes of every operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.readers.limits import MAX_RANK
from edgekit.graph.tensor import Shape

RANK_GIVERS: Mapping[str, tuple[int, ...]] = {"Expand": (1,), "ConstantOfShape": (0,), "Reshape": (1,), "Tile": (1,)}
"""Operators and their inputs whose length is a rank of the result. onnx makes as many dimensions as the length says."""

_LABELS = r"(?:[A-Za-z]|\.\.\.)*"
_EQUATION = re.compile(rf"{_LABELS}(?:,{_LABELS})*(?:->{_LABELS})?")


class Known(Protocol):
    """What is known about the values that a node reads."""

    def shape(self, name: str) -> Shape | None:
        """The shape of a value, None where not even the rank is known."""


def check_node(node: Node, scope: Known) -> None:
    """Refuse a node that onnx must not be asked about.

    Raises:
        BadFileError: says what is wrong with it.
    """
    for index in RANK_GIVERS.get(node.op, ()):
        shape = _shape(node, index, scope)
        if shape and isinstance(shape[0], int) and shape[0] > MAX_RANK:
            raise BadFileError(f"{node.op} makes rank {shape[0]}, above the limit of {MAX_RANK}", where=node.name)
    check = _CHECKS.get(node.op)
    if check is not None:
        check(node, scope)


def _shape(node: Node, index: int, scope: Known) -> Shape | None:
    name = node.inputs[index] if index < len(node.inputs) else ""
    return scope.shape(name) if name else None


def _transpose(node: Node, scope: Known) -> None:
    """A Transpose names every axis of its input once, which onnx does not check."""
    shape, axes = _shape(node, 0, scope), node.attrs.get("perm")
    if shape is not None and axes is not None and (not isinstance(axes, tuple) or sorted(axes) != [*range(len(shape))]):
        raise BadFileError(f"Transpose by {axes} does not name every axis of rank {len(shape)}", where=node.name)


def _split(node: Node, scope: Known) -> None:
    count = node.attrs.get("num_outputs", len(node.outputs))
    if count != len(node.outputs):
        raise BadFileError(f"Split with num_outputs {count!r} and {len(node.outputs)} outputs", where=node.name)


def _gather_nd(node: Node, scope: Known) -> None:
    batch = node.attrs.get("batch_dims", 0)
    ranks = [len(shape) for shape in (_shape(node, 0, scope), _shape(node, 1, scope)) if shape is not None]
    if not isinstance(batch, int) or batch < 0 or any(batch >= rank for rank in ranks):
        raise BadFileError(f"GatherND with batch_dims {batch!r} of ranks {ranks}", where=node.name)


def _einsum(node: Node, scope: Known) -> None:
    equation = node.attrs.get("equation", "")
    text = equation.replace(" ", "") if isinstance(equation, str) else ""
    if not _EQUATION.fullmatch(text) or any(term.count("...") > 1 for term in re.split(",|->", text)):
        raise BadFileError(f"Einsum with equation {equation!r:.80}", where=node.name)


_CHECKS: Mapping[str, Callable[[Node, Known], None]] = {
    "Transpose": _transpose,
    "Split": _split,
    "GatherND": _gather_nd,
    "Einsum": _einsum,
}
