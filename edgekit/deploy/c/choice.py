"""The kernel of each layer: what an instruction set offers, what each kernel costs, and which one a purpose takes.

A further instruction set is one emitter file a kernel and one line of :data:`KERNELS`; portable C is always there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.dsp import add as dsp_add
from edgekit.deploy.c.dsp import avg_pool2d as dsp_avg_pool
from edgekit.deploy.c.dsp import conv2d as dsp_conv2d
from edgekit.deploy.c.dsp import depthwise_conv2d as dsp_depthwise
from edgekit.deploy.c.dsp import fully_connected as dsp_dense
from edgekit.deploy.c.emitters import EMITTERS, WIDE_EMITTERS
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.mve import conv2d as mve_conv2d
from edgekit.deploy.c.mve import depthwise_conv2d as mve_depthwise
from edgekit.deploy.c.mve import fully_connected as mve_dense

Optimize = Literal["size", "speed", "balanced"]
OPTIMIZE: tuple[Optimize, ...] = ("size", "speed", "balanced")

INSTRUCTIONS_A_BYTE = 20
"""Balanced: instructions of one inference that a byte of flash is worth."""


@dataclass(frozen=True)
class Cost:
    """What a layer costs with a kernel: instructions of an inference, bytes of flash (code, weights, tables)."""

    instructions: float
    flash: float

    def times(self, count: int) -> Cost:
        """Of a layer that an inference runs ``count`` times."""
        return Cost(self.instructions * count, self.flash)


@dataclass(frozen=True)
class Kernel:
    """A way to compute an operator on an instruction set.

    Attributes:
        emit: writes the C.
        applies: whether it can compute this layer, bytes equal.
        cost: estimate, to compare kernels of one operator.
    """

    emit: Callable[[Layer], Code]
    applies: Callable[[Layer], bool]
    cost: Callable[[Layer], Cost]


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
    for isa in layer.target.isas:
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


def _conv2d(wide: bool, unroll: int) -> Kernel:
    """A DSP conv2d: instructions a product as counted in dot.py, 4 bytes an instruction of straight code."""

    def cost(layer: Layer) -> Cost:
        outputs, *patch = layer.params.arithmetic.weights.shape  # type: ignore[union-attr]
        depth, positions = prod(patch), prod(layer.output.dims[1:3])
        straight = min(depth, unroll)
        a_value = (11 if wide else 12.5) / 4 + (0 if depth <= unroll else 4 / min(unroll, 32) * 4)
        products = positions / 4 * outputs * depth * a_value
        code = straight * a_value * 3.5
        return Cost(products + positions * outputs * 9, (2 if wide else 1) * outputs * depth + code)

    return Kernel(dsp_conv2d.emitter(wide, unroll), dsp_conv2d.fits, cost)


def _dense(applies: Callable[[Layer], bool]) -> Kernel:
    """A DSP fully_connected: 42 instructions for 32 products (fully_connected.py)."""

    def cost(layer: Layer) -> Cost:
        weights = layer.params.arithmetic.weights  # type: ignore[union-attr]
        rows = layer.output.elements / weights.shape[0]
        return Cost(rows * weights.size * 42 / 32 + layer.output.elements * 9, weights.size + 300)

    return Kernel(dsp_dense.emit_fully_connected, applies, cost)


def _only(emit: Callable[[Layer], Code], applies: Callable[[Layer], bool]) -> Kernel:
    """A kernel that is smaller and faster than the portable one wherever it applies."""
    return Kernel(emit, applies, lambda layer: Cost(0.0, 0.0))


KERNELS: Mapping[tuple[str, str], tuple[Kernel, ...]] = MappingProxyType(
    {
        ("conv2d", "dsp"): (
            _conv2d(False, 64),
            _conv2d(False, 8),
            _conv2d(False, 256),
            _conv2d(True, 64),
            _dense(dsp_dense.fits_pointwise),
        ),
        ("depthwise_conv2d", "dsp"): (_only(dsp_depthwise.emit_depthwise_conv2d, dsp_depthwise.fits),),
        ("fully_connected", "dsp"): (_dense(dsp_dense.fits),),
        ("conv2d", "mve"): (_only(mve_conv2d.emit_conv2d, mve_conv2d.fits),),
        ("depthwise_conv2d", "mve"): (_only(mve_depthwise.emit_depthwise_conv2d, mve_depthwise.fits),),
        ("fully_connected", "mve"): (_only(mve_dense.emit_fully_connected, mve_dense.fits),),
        ("add", "dsp"): (_only(dsp_add.emit_add, dsp_add.fits),),
        ("sub", "dsp"): (_only(dsp_add.emit_add, dsp_add.fits),),
        ("avg_pool2d", "dsp"): (_only(dsp_avg_pool.emit_avg_pool2d, dsp_avg_pool.fits),),
    }
)
"""(operator, instruction set) to the kernels beside the portable one."""
