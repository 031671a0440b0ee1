"""What a rule of the TFLite lowering is, and what rules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node

Pads = tuple[int, int]
Lowered = tuple[str, dict[str, Any], tuple[str, ...]]
"""Edge operator, its attributes, its inputs."""
ACTIVATIONS = {"NONE": "none", "RELU": "relu", "RELU6": "relu6"}


class State(Protocol):
    """What a rule may ask the walk (lower_tflite.py) for."""

    def dims(self, name: str, rank: int | None = None) -> tuple[int, ...]:
        """Static shape of a tensor, of rank ``rank`` if given."""

    def axes(self, node: Node, position: int) -> list[int]:
        """A constant integer input of ``node`` as a flat list."""

    def float_operand(self, name: str, like: str) -> str:
        """``name``, turned into a float32 constant if the activations ``like`` are float."""


Rule = Callable[[Node, State], Lowered]


def option(node: Node, key: str) -> Any:
    """A builtin option that must be there."""
    if key not in node.attrs:
        raise BadFileError(f"{node.op} without its option {key}", where=node.name, mend="export the model again")
    return node.attrs[key]


def fused_activation(node: Node) -> str:
    """The fused activation in the edge dialect's terms."""
    name = node.attrs.get("fused_activation_function", "NONE")
    if name not in ACTIVATIONS:
        raise UnsupportedOpError(f"fused activation {name}", where=node.name, mend="use RELU or RELU6")
    return ACTIVATIONS[name]
