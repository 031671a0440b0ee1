"""What layers of one model share or bring along: static functions, and constant operands."""

from __future__ import annotations

import re

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.kernel import Function, Layer, int8_array, int16_array
from edgekit.graph.tensor import Tensor


class MergedFunctions:
    """Static functions of all layers; equal texts are one function, different ones never share a name."""

    def __init__(self) -> None:
        self._by_text: dict[str, str] = {}
        self._names: set[str] = set()

    def add(self, functions: tuple[Function, ...]) -> list[str]:
        """Names under which the functions of one layer exist."""
        names: list[str] = []
        for function in functions:
            text = re.sub(r"@f(\d+)@", lambda match: names[int(match.group(1))], function.text)
            if text not in self._by_text:
                self._by_text[text] = self._unique(function.name)
            names.append(self._by_text[text])
        return names

    def texts(self) -> tuple[str, ...]:
        """Definitions in the order in which they were added."""
        return tuple(text.replace("@self@", name) for text, name in self._by_text.items())

    def _unique(self, base: str) -> str:
        name, count = base, 1
        while name in self._names:
            count += 1
            name = f"{base}_v{count}"
        self._names.add(name)
        return name


def constant_inputs(layer: Layer) -> list[str]:
    """Definitions of the constant operands of sums, products and joins: data in flash.

    Raises:
        UnsupportedOpError: a constant without data.
    """
    found = []
    for position, tensor in enumerate(layer.inputs):
        if tensor.constant:
            if tensor.data is None:
                raise UnsupportedOpError(f"the constant {tensor.name!r} has no data", where=layer.node.name)
            array = int16_array if tensor.dtype == "int16" else int8_array
            found.append(array(f"constant_{layer.index}_{position}", tensor.data))
    return found


def constant_place(layer: Layer, position: int, tensor: Tensor) -> str:
    """Pointer to the constant operand at ``position``."""
    name = f"constant_{layer.index}_{position}"
    return f"(const int8_t *){name}" if tensor.dtype == "int16" else name
