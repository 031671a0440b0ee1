"""The kernel of each layer: what an instruction set offers, what each kernel costs, and which one a purpose takes.

The kernels are in offers.py; portable C is always there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.dense_as_conv import as_pointwise
from edgekit.deploy.c.emitters import EMITTERS, WIDE_EMITTERS
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.offers import KERNELS, WIDE_KERNELS, Cost
from edgekit.deploy.c.packed.layer import emit_packed
from edgekit.graph.firmware import INSTRUCTIONS_A_FLASH_BYTE
from edgekit.graph.scratch import CODES

Optimize = Literal["size", "speed", "balanced"]
OPTIMIZE: tuple[Optimize, ...] = ("size", "speed", "balanced")

FLASH_PRICES = INSTRUCTIONS_A_FLASH_BYTE
"""Instructions of one inference that a byte of flash is worth."""


@dataclass(frozen=True)
class Bent:
    """How a purpose is bent to fit a memory.

    Attributes:
        max_arena: bytes that the arena should not exceed, at the least cost in instructions.
        flash_price: instructions that a byte of flash is worth instead of the purpose's FLASH_PRICES.
    """

    max_arena: int | None = None
    flash_price: float | None = None


STRAIGHT = Bent()
"""As the purpose wants it."""


def check_optimize(name: str) -> Optimize:
    """``name`` as a purpose.

    Raises:
        BadConfigError: no such purpose.
    """
    for known in OPTIMIZE:
        if name == known:
            return known
    raise BadConfigError(f"cannot optimize for {name!r}", mend=f"use one of {', '.join(OPTIMIZE)}")


def emit_layer(layer: Layer, optimize: Optimize, bent: Bent = STRAIGHT) -> Code:
    """The C of a layer with the kernel that suits the purpose best; equal ones: the first of the table.

    The layer's operator has an entry in EMITTERS.
    """
    wide = "int16" in (layer.output.dtype, layer.inputs[0].dtype)
    kernels, emitters = (WIDE_KERNELS, WIDE_EMITTERS) if wide else (KERNELS, EMITTERS)
    price = FLASH_PRICES[optimize] if bent.flash_price is None else bent.flash_price
    if layer.node.attrs.get(CODES):
        return emit_packed(layer, small=price == inf)
    layer = as_pointwise(layer)
    for isa in (*layer.target.isas, "portable"):
        fitting = [kernel for kernel in kernels.get((layer.node.op, isa), ()) if kernel.applies(layer)]
        if fitting:
            return min(fitting, key=lambda kernel: _rank(kernel.cost(layer).times(layer.times), price)).emit(layer)
    return emitters[layer.node.op](layer)


def _rank(cost: Cost, price: float) -> tuple[float, float]:
    if price == inf:
        return cost.flash, cost.instructions
    return cost.instructions + price * cost.flash, cost.flash
