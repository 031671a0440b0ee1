"""What a counting rule gets to see (Layer) and what it answers (Work)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Tensor


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates of one operator, by convention.

    Attributes:
        true: every multiply-accumulate that it performs.
        dcase: what the challenge's counter (torchinfo) says about the module that it stands for.
    """

    true: int = 0
    dcase: int = 0


@dataclass(frozen=True)
class Layer:
    """One node with its tensors, as counting rules read it.

    Attributes:
        graph, node: the node and the graph that it is part of.
        constants: names of all tensors whose value follows from the file alone.
        producers: tensor name to the node that makes it.
    """

    graph: Graph
    node: Node
    constants: frozenset[str]
    producers: Mapping[str, Node]

    def input(self, index: int) -> Tensor:
        """Input ``index``.

        Raises:
            UnsupportedOpError: the node has no such input, so that the rule cannot answer.
        """
        tensor = self.optional(index)
        if tensor is None:
            raise self.odd(f"has no input {index}")
        return tensor

    def optional(self, index: int) -> Tensor | None:
        """Input ``index``, None where it is absent."""
        name = self.node.inputs[index] if index < len(self.node.inputs) else ""
        return self.graph.tensor(name) if name else None

    def size(self, index: int) -> int:
        """Elements of input ``index``, 0 where it is absent.

        Raises:
            UnknownShapeError: a dimension of it is unknown.
        """
        tensor = self.optional(index)
        return 0 if tensor is None else tensor.elements

    def output(self, index: int = 0) -> Tensor:
        """Output ``index``.

        Raises:
            UnsupportedOpError: the node has no such output.
        """
        name = self.node.outputs[index] if index < len(self.node.outputs) else ""
        if not name:
            raise self.odd(f"has no output {index}")
        return self.graph.tensor(name)

    def constant(self, index: int) -> bool:
        """True when input ``index`` is a weight or follows from weights alone."""
        return index < len(self.node.inputs) and self.node.inputs[index] in self.constants

    def attr(self, name: str, default: Any = None) -> Any:
        """Attribute ``name`` of the node."""
        return self.node.attrs.get(name, default)

    def number(self, name: str, default: int) -> int:
        """Attribute ``name`` as a whole number.

        Raises:
            UnsupportedOpError: a damaged file gives it as something else.
        """
        value = self.attr(name, default)
        if not isinstance(value, int):
            raise self.odd(f"has {name} {value!r}")
        return int(value)

    def numbers(self, name: str, default: tuple[int, ...], least: int = 1) -> tuple[int, ...]:
        """Attribute ``name`` as whole numbers, as many as in ``default``, each at least ``least``.

        Raises:
            UnsupportedOpError: a damaged file gives it as something else.
        """
        value = self.attr(name) or default
        if not isinstance(value, tuple) or len(value) != len(default) or not all(isinstance(n, int) for n in value):
            raise self.odd(f"has {name} {value!r}")
        if min(value, default=least) < least:
            raise self.odd(f"has {name} {value!r}")
        return value

    def odd(self, what: str) -> UnsupportedOpError:
        """The error of a node that does not have the form its operator demands."""
        return UnsupportedOpError(f"{self.node.op} {what}", where=self.node.name, mend="export the model again")

    @property
    def batch(self) -> int:
        """Clips in one inference: the leading dimension that the graph's inputs and outputs share, else 1.

        torchinfo multiplies the parameters of a module by the leading dimension of its output; exporters flatten tokens
        into that dimension, so it is read where it still means clips.

        Raises:
            UnknownShapeError: the leading dimension is unknown.
        """
        inputs = [self.graph.tensor(name) for name in self.graph.inputs]
        outputs = [self.graph.tensor(name) for name in self.graph.outputs]
        if any(len(tensor.shape) < 2 and tensor.static for tensor in inputs):
            return 1
        leading = {_leading(tensor) for tensor in (*inputs, *outputs) if tensor.shape}
        return leading.pop() if len(leading) == 1 else 1


def _leading(tensor: Tensor) -> int:
    return tensor.replace(shape=tensor.shape[:1], data=None).dims[0]


Rule = Callable[[Layer], Work]
"""A counting rule: its docstring is the rule.

Raises:
    UnknownShapeError: a dimension that it needs is unknown.
    UnsupportedOpError: the operator, or this form of it, cannot be counted.
"""
