"""A chain of random integer nodes that remembers its tensors, so that later nodes can read them again."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from edge_graphs import Builder
from int8_oracles import random_int8

from edgekit.graph.tensor import Quantization, Tensor

MOST_ELEMENTS = 1500
"""Largest activation: graphs are small, so that there can be many."""

Dims = tuple[int, ...]


class Unfit(Exception):
    """The current tensor has no shape for the operator that was drawn."""


class Chain(Builder):
    """A builder that remembers its activations, so that later nodes can read them again."""

    def __init__(self, rng: np.random.Generator, shape: Dims, zero_point: int | None = None) -> None:
        super().__init__(rng, shape, zero_point)
        self.earlier: list[Tensor] = [self.x]

    def append(self, op: str, inputs: tuple[str, ...], output: Tensor, attrs: object = None) -> None:
        """As of Builder; refuses outputs that are empty or larger than MOST_ELEMENTS."""
        if not output.dims or min(output.dims) < 1 or output.elements > MOST_ELEMENTS:
            raise Unfit
        super().append(op, inputs, output, attrs)  # type: ignore[arg-type]
        self.earlier.append(output)

    def weighted(self, *args: Any, **options: Any) -> None:
        """As of Builder, real values brought back to the usual size: layers would let them grow without end."""
        super().weighted(*args, **options)
        names = [name for name in self.nodes[-1].inputs[1:] if name] + [self.x.name]
        factor = np.float32(np.exp(self.rng.uniform(-5, -1)) / self.x.scale_zero()[0])
        for tensor in (self.tensors[name] for name in names):
            assert tensor.quant is not None
            scaled = Quantization(tensor.quant.scale * factor, tensor.quant.zero_point, tensor.quant.axis)
            self.keep(tensor.replace(quant=scaled))
        self.x = self.earlier[-1] = self.tensors[self.x.name]

    def pick(self, *choices: object) -> object:
        """One of ``choices``."""
        return choices[self.rng.integers(len(choices))]

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        return int(self.rng.integers(low, high + 1))

    def pair(self, low: int, high: int) -> tuple[int, int]:
        """Two such numbers."""
        return self.number(low, high), self.number(low, high)

    def image(self) -> None:
        """The current tensor is [1, H, W, C]."""
        if len(self.x.dims) != 4 or self.x.dims[0] != 1:
            raise Unfit

    def fits(self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pad: object) -> None:
        """The window leaves at least one position, with padding that no window lies in alone."""
        _, size = self.geometry(tuple(kernel), tuple(stride), tuple(dilation), pad)  # type: ignore[arg-type]
        if min(size) < 1:
            raise Unfit

    def rescaled(self, factor_low: float, factor_high: float) -> float:
        """The current scale times a random factor."""
        return self.x.scale_zero()[0] * float(self.rng.uniform(factor_low, factor_high))


def partner(chain: Chain) -> Tensor:
    """Something to compute ``x`` with: itself, an earlier tensor that broadcasts, or a constant."""
    dims = chain.x.dims
    earlier = [tensor for tensor in chain.earlier if _broadcasts(tensor.dims, dims)]
    if not earlier:
        raise Unfit
    if chain.rng.integers(3):
        return earlier[int(chain.rng.integers(len(earlier)))]
    shape = tuple(1 if chain.rng.integers(3) == 0 else dim for dim in dims)
    return constant(chain, (dims, shape, (dims[-1],))[chain.number(0, 2)])


def _broadcasts(a: Dims, b: Dims) -> bool:
    try:
        return len(a) == len(b) and prod(np.broadcast_shapes(a, b)) <= MOST_ELEMENTS
    except ValueError:
        return False


def constant(chain: Chain, shape: Dims) -> Tensor:
    """A new random int8 constant."""
    quantization = chain.activation("unused", (1,)).quant
    chain.tensors.pop("unused")
    return chain.keep(Tensor(chain.name("constant"), shape, "int8", quantization, random_int8(chain.rng, shape)))


def like(chain: Chain, tensor: Tensor, what: str, dims: Dims) -> Tensor:
    """A new activation with scale and zero point of ``tensor``."""
    return chain.keep(Tensor(chain.name(what), dims, "int8", tensor.quant))


def brought(chain: Chain, other: Tensor, whole: Tensor) -> Tensor:
    """``other`` at the scale of ``whole``, through a quantize where it has another."""
    if other.scale_zero() == whole.scale_zero():
        return other
    chain.append("quantize", (other.name,), like(chain, whole, "brought", other.dims))
    return chain.x
