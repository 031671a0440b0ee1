"""The kernel of each layer: what an instruction set offers, what each kernel costs, and which one a purpose takes.

The kernels are in offers.py; portable C is always there.
"""

from __future__ import annotations

from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.dense_as_conv import as_pointwise
from edgekit.deploy.c.emitters import EMITTERS, WIDE_EMITTERS
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.offers import KERNELS, Cost

Optimize = Literal["size", "speed", "balanced"]
OPTIMIZE: tuple[Optimize, ...] = ("size", "speed", "balanced")

INSTRUCTIONS_A_BYTE = 20
"""Balanced: instructions of one inference that a byte of flash is worth."""


def check_optimize(name: str) -> Optimize:
    """``name`` as a purpose.

    Raises:
        BadConfigError: no such purpose.
    """
    for known in OPTIMIZE:
        if name == known:
            return known
    raise BadConfigError(f"cannot optimize for {name!r}", mend=f"use one of {', '.join(OPTIMIZE)}")


def emit_layer(layer: Layer, optimize: Optimize) -> Code:
    """The C of a layer with the kernel that suits the purpose best; equal ones: the first of the table.

    The layer's operator has an entry in EMITTERS.
    """
    if "int16" in (layer.output.dtype, layer.inputs[0].dtype):
        return WIDE_EMITTERS[layer.node.op](layer)
    layer = as_pointwise(layer)
    for isa in (*layer.target.isas, "portable"):
        offers = [kernel for kernel in KERNELS.get((layer.node.op, isa), ()) if kernel.applies(layer)]
        if offers:
            return min(offers, key=lambda kernel: _rank(kernel.cost(layer).times(layer.times), optimize)).emit(layer)
    return EMITTERS[layer.node.op](layer)


def _rank(cost: Cost, optimize: Optimize) -> tuple[float, float]:
    if optimize == "size":
        return cost.flash, cost.instructions
    if optimize == "speed":
        return cost.instructions, cost.flash
    return cost.instructions + INSTRUCTIONS_A_BYTE * cost.flash, cost.flash
