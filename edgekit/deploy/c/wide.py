"""Element types of activations in C: names, accumulators, and the helpers that round and store."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.tensor import Tensor


@dataclass(frozen=True)
class Element:
    """How activations of one type are declared and stored.

    Attributes:
        name: the C type.
        clamp: helper that clips and stores.
        sum_type: of a sum of products.
        rescale_sum: helper that scales such a sum.
        suffix: of function names.
    """

    name: str
    clamp: str
    sum_type: str
    rescale_sum: str
    suffix: str


_ELEMENTS = {
    "int8": Element("int8_t", "clamp", "int32_t", "rescale", ""),
    "int16": Element("int16_t", "clamp16", "int64_t", "rescale_wide", "_wide"),
}


def element(tensor: Tensor) -> Element:
    """The C element of an activation."""
    return _ELEMENTS[tensor.dtype]


def argument(kind: Element, place: str) -> str:
    """A pointer into the int8 arena as a pointer to ``kind``; the planner aligns every tensor to 16 bytes."""
    return place if kind.name == "int8_t" else f"({kind.name} *)(void *)({place})"
