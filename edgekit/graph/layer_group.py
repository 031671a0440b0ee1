"""Layers that the generated C runs as one step of the memory plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from edgekit.graph.graph import Node
from edgekit.graph.placement import Overlap


@dataclass(frozen=True, eq=False)
class LayerGroup:
    """Neighbours in execution order with one output.

    Attributes:
        nodes: in order; the last one makes the output.
        inputs: activations from outside that it reads.
        nbytes: working memory in all.
        places: inputs over which the output may lie, and how.
    """

    op: ClassVar[str]
    """Its operator in plans."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    nbytes: int
    places: Mapping[str, Overlap]

    @property
    def name(self) -> str:
        """Of the group in plans: the last member's."""
        return self.nodes[-1].name

    @property
    def output(self) -> str:
        """The tensor that the group makes."""
        return self.nodes[-1].outputs[0]

    def as_node(self) -> Node:
        """The group as one operator, for a plan."""
        return Node(self.op, self.name, self.inputs, (self.output,))
