"""Names that the C of a fused step has for its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.deploy.c.kernel import Layer
from edgekit.graph.fused_group import FusedGroup
from edgekit.graph.graph import Graph
from edgekit.graph.ops import activation_inputs


@dataclass(frozen=True, eq=False)
class Places:
    """A fused step and its layers.

    Attributes:
        graph: that the group is of.
        group: what runs as one.
        layers: of the members, by name.
    """

    graph: Graph
    group: FusedGroup
    layers: Mapping[str, Layer]

    @property
    def members(self) -> list[Layer]:
        """Layers in order."""
        return [self.layers[node.name] for node in self.group.nodes]

    def value(self, name: str) -> str:
        """The variable that holds a value of the tensor ``name``."""
        made = [node.outputs[0] for node in self.group.nodes]
        return f"v{made.index(name)}" if name in made else f"i{self.operands.index(name)}"

    @property
    def operands(self) -> list[str]:
        """Tensors that are read from memory, constants included."""
        made = {node.outputs[0] for node in self.group.nodes}
        read = dict.fromkeys(name for node in self.group.nodes for name in activation_inputs(node))
        return [name for name in read if name not in made]

    def pointer(self, name: str) -> str:
        """Pointer to a tensor from outside: the first value, or of a full tensor those of position p."""
        kind = self.group.kinds[name]
        base = self._constant(name) if self.graph.tensor(name).constant else f"x{self.group.inputs.index(name)}"
        if kind == "full":
            return f"{base} + p * {self.group.channels}"
        return f"{base} + p" if kind == "column" else base

    def _constant(self, name: str) -> str:
        """The array that merged.constant_inputs() makes for the first layer that reads it."""
        for layer in self.members:
            names = activation_inputs(layer.node)
            if name in names:
                return f"constant_{layer.index}_{names.index(name)}"
        raise KeyError(name)
