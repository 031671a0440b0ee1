"""The static, typed graph that models travel in between reading and writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from edgekit.core.errors import BadFileError
from edgekit.graph.tensor import Tensor

Dialect = Literal["onnx", "tflite", "aten", "edge"]
"""Whose operator names and attribute meanings a graph uses; ``edge`` is edgekit's own (graph/ops.py)."""


@dataclass(frozen=True)
class Node:
    """One operator.

    Attributes:
        op: operator name in the graph's dialect.
        name: unique, readable; layer names of reports come from it.
        inputs: tensor names; "" stands for an absent optional input.
        outputs: tensor names; each is produced by this node alone.
        attrs: attributes in the dialect's terms, plain Python values (ints, floats, strings, tuples).
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def replace(self, **changes: Any) -> Node:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order over named tensors.

    Built graphs are consistent: every name resolves, every tensor has at most one producer, nodes come after what they
    read. ``metadata`` carries text from and to the file (``edgekit.frontend``, ``edgekit.labels``, …).

    Raises:
        BadFileError: an inconsistent graph.
    """

    name: str
    dialect: Dialect
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, tensor in self.tensors.items():
            if key != tensor.name:
                raise BadFileError(f"tensor {tensor.name!r} is filed under {key!r}", where=self.name)
        ready = {name for name, tensor in self.tensors.items() if tensor.constant or tensor.variable}
        ready |= set(self.inputs)
        for name in (*self.inputs, *self.outputs):
            self._known(name, "graph")
        for node in self.nodes:
            for name in filter(None, node.inputs):
                self._known(name, node.name)
                if name not in ready:
                    raise BadFileError(f"{name!r} is read before it is made, or the graph has a cycle", where=node.name)
            for name in filter(None, node.outputs):
                self._known(name, node.name)
                if name in ready:
                    raise BadFileError(f"{name!r} has two producers", where=node.name)
                ready.add(name)
        for name in self.outputs:
            if name not in ready:
                raise BadFileError(f"output {name!r} is made by no node", where=self.name)

    def _known(self, name: str, where: str) -> None:
        if name not in self.tensors:
            raise BadFileError(f"refers to a tensor {name!r} that does not exist", where=where)

    def tensor(self, name: str) -> Tensor:
        """The tensor called ``name``."""
        return self.tensors[name]

    @property
    def variables(self) -> tuple[str, ...]:
        """Tensors that keep their values from one inference to the next, in order."""
        return tuple(name for name, tensor in self.tensors.items() if tensor.variable)

    def node_inputs(self, node: Node) -> tuple[Tensor | None, ...]:
        """Input tensors of ``node``; None where an optional input is absent."""
        return tuple(self.tensors[name] if name else None for name in node.inputs)

    def node_outputs(self, node: Node) -> tuple[Tensor, ...]:
        """Output tensors of ``node`` (absent optional outputs left out)."""
        return tuple(self.tensors[name] for name in node.outputs if name)

    def producers(self) -> dict[str, Node]:
        """Tensor name to the node that makes it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def consumers(self) -> dict[str, list[Node]]:
        """Tensor name to the nodes that read it, in order."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in filter(None, node.inputs):
                readers.setdefault(name, []).append(node)
        return readers

    def replace(self, **changes: Any) -> Graph:
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)

    def rebuild(self, nodes: Iterable[Node], new_tensors: Iterable[Tensor] = (), **changes: Any) -> Graph:
        """A graph of ``nodes`` with ``new_tensors`` added or replaced and every unused tensor dropped."""
        node_list = tuple(nodes)
        pool = {**self.tensors, **{tensor.name: tensor for tensor in new_tensors}}
        inputs = changes.get("inputs", self.inputs)
        outputs = changes.get("outputs", self.outputs)
        used = {name for node in node_list for name in (*node.inputs, *node.outputs) if name} | {*inputs, *outputs}
        missing = used - pool.keys()
        if missing:
            raise BadFileError(f"refers to a tensor {sorted(missing)[0]!r} that does not exist", where=self.name)
        kept = {name: tensor for name, tensor in pool.items() if name in used}
        return replace(self, nodes=node_list, tensors=kept, **changes)
