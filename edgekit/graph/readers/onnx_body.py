"""A graph of an ONNX file, the whole or a body of control flow, with what was inferred about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgekit.graph.readers.onnx_inference import Scope
from edgekit.graph.readers.onnx_source import Source
from edgekit.graph.tensor import Shape, Unknown

UNKNOWN_RANK: Shape = (Unknown("?"),)
"""Shape of a tensor of which not even the rank is known: never static, whatever is bound."""


@dataclass
class Body:
    """A graph of the file with what was inferred about it.

    Attributes:
        source: the graph as it was read.
        scope: types and values, those of enclosing graphs included.
        bodies: (index of a node, attribute) to the graph in that attribute.
        trips: index of a Loop or Scan to how often its body runs at most; absent where that is not known.
    """

    source: Source
    scope: Scope
    bodies: dict[tuple[int, str], Body] = field(default_factory=dict)
    trips: dict[int, int] = field(default_factory=dict)

    def known(self, name: str) -> tuple[int, Shape]:
        """Element type (TensorProto number, 0 unknown) and shape of a tensor."""
        kind = self.scope.types.get(name)
        if kind is None or kind.WhichOneof("value") != "tensor_type":
            return 0, UNKNOWN_RANK
        shape = self.scope.shape(name)
        return kind.tensor_type.elem_type, UNKNOWN_RANK if shape is None else shape


InferBody = Callable[[Source, Scope, Sequence[Any]], Body]
"""From a body, the enclosing scope and the types of its first inputs (None: as it states them) to what is inferred."""
