"""What an instruction set offers for an operator: kernels, where each applies and what it costs.

A further instruction set is one emitter file a kernel and one line of :data:`KERNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from edgekit.deploy.c import attention, blocked_matmul, softmax_table
from edgekit.deploy.c.dsp import add as dsp_add
from edgekit.deploy.c.dsp import avg_pool2d as dsp_avg_pool
from edgekit.deploy.c.dsp import conv2d as dsp_conv2d
from edgekit.deploy.c.dsp import depthwise_conv2d as dsp_depthwise
from edgekit.deploy.c.dsp import depthwise_point as dsp_point
from edgekit.deploy.c.dsp import depthwise_row as dsp_row
from edgekit.deploy.c.dsp import fully_connected as dsp_dense
from edgekit.deploy.c.dsp import linear_add as dsp_linear_add
from edgekit.deploy.c.dsp import linear_mean as dsp_linear_mean
from edgekit.deploy.c.dsp import softmax as dsp_softmax
from edgekit.deploy.c.dsp import tiled_conv2d as dsp_tiled
from edgekit.deploy.c.dsp import wide_dense as dsp_wide_dense
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.mve import conv2d as mve_conv2d
from edgekit.deploy.c.mve import depthwise_conv2d as mve_depthwise
from edgekit.deploy.c.mve import elementwise as mve_elementwise
from edgekit.deploy.c.mve import fully_connected as mve_dense
from edgekit.deploy.c.mve import softmax as mve_softmax
from edgekit.deploy.c.neon import conv2d as neon_conv2d
from edgekit.deploy.c.neon import depthwise_conv2d as neon_depthwise
from edgekit.deploy.c.neon import fully_connected as neon_dense
from edgekit.deploy.c.softmax import emit_softmax


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


_SHARERS = 8
"""Layers of a model that share code which is the same for any depth and number of filters: a guess."""


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

    def applies(layer: Layer) -> bool:
        return dsp_conv2d.fits(layer) and not dsp_tiled.fits(layer)

    return Kernel(dsp_conv2d.emitter(wide, unroll), applies, cost)


def _tiled(wide: bool, step: int) -> Kernel:
    """A DSP conv2d in tiles: instructions of three patches with two filters as in tile.py."""

    def cost(layer: Layer) -> Cost:
        outputs, *patch = layer.params.arithmetic.weights.shape  # type: ignore[union-attr]
        depth, positions = prod(patch), prod(layer.output.dims[1:3])
        four = 16 if wide else 19
        tile = depth / 4 * four + -(-depth // step) * 3 + 50
        instructions = -(-positions // 3) * outputs / 2 * tile + positions * depth * 11 / 4
        code = (step / 4 * 70 + 230) / _SHARERS
        return Cost(instructions, (2 if wide else 1) * outputs * depth + code)

    return Kernel(dsp_tiled.emitter(wide, step), dsp_tiled.fits, cost)


def _dense(applies: Callable[[Layer], bool], step: int) -> Kernel:
    """A DSP fully_connected: 40 instructions for 32 products and two a pass (fully_connected.py)."""

    def cost(layer: Layer) -> Cost:
        weights = layer.params.arithmetic.weights  # type: ignore[union-attr]
        rows = layer.output.elements / weights.shape[0]
        each = 40 / 32 + 2 / (step * dsp_dense.FILTERS)
        return Cost(rows * weights.size * each + layer.output.elements * 9, weights.size + (200 + 17 * step) / _SHARERS)

    return Kernel(dsp_dense.emitter(step), applies, cost)


def _depthwise(unroll: int, applies: Callable[[Layer], bool]) -> Kernel:
    """A DSP depthwise_conv2d: what is not the same with all of them, branches and code."""

    def cost(layer: Layer) -> Cost:
        return Cost(dsp_depthwise.pairs_of(layer) * 5 / unroll, unroll * 110)

    return Kernel(dsp_depthwise.emitter(unroll), applies, cost)


def _only(emit: Callable[[Layer], Code], applies: Callable[[Layer], bool]) -> Kernel:
    """A kernel that is smaller and faster than the portable one wherever it applies."""
    return Kernel(emit, applies, lambda layer: Cost(0.0, 0.0))


def _softmax(emit: Callable[[Layer], Code], applies: Callable[[Layer], bool], each: float, flash: float) -> Kernel:
    """Softmax on a Cortex-M4: ``each`` instructions an element."""
    return Kernel(emit, applies, lambda layer: Cost(layer.output.elements * each, flash))


def _matmul(isa: str) -> tuple[Kernel, ...]:
    return (_only(blocked_matmul.emitter(isa), blocked_matmul.fits(isa)),)


def _attention(isa: str) -> tuple[Kernel, ...]:
    return (_only(attention.emitter(isa), attention.fits(isa)),)


def _always(layer: Layer) -> bool:
    return True


_VECTOR_ELEMENTWISE = {
    **dict.fromkeys(("add", "sub"), _only(mve_elementwise.emit_vector_add, mve_elementwise.fits_add)),
    "mul": _only(mve_elementwise.emit_vector_mul, mve_elementwise.fits_mul),
    **dict.fromkeys(
        ("quantize", "relu", "relu6"),
        _only(mve_elementwise.emit_vector_requantize, mve_elementwise.fits_requantize),
    ),
}
"""Of int8 and int16 alike."""

KERNELS: Mapping[tuple[str, str], tuple[Kernel, ...]] = MappingProxyType(
    {
        ("softmax", "portable"): (
            _softmax(emit_softmax, _always, 275, 600),
            _softmax(softmax_table.emit_softmax, softmax_table.fits, 30, 1300),
        ),
        ("softmax", "dsp"): (
            _softmax(emit_softmax, _always, 275, 600),
            _softmax(softmax_table.emit_softmax, softmax_table.fits, 30, 1300),
            _softmax(dsp_softmax.emit_softmax, dsp_softmax.fits, 18, 1560),
        ),
        ("softmax", "mve"): (_softmax(mve_softmax.emit_softmax, softmax_table.fits, 8, 1300),),
        ("attention", "portable"): _attention("portable"),
        ("attention", "dsp"): _attention("dsp"),
        ("attention", "mve"): _attention("mve"),
        ("batch_matmul", "portable"): _matmul("portable"),
        ("batch_matmul", "dsp"): _matmul("dsp"),
        ("batch_matmul", "mve"): _matmul("mve"),
        ("attention", "neon"): _attention("neon"),
        ("batch_matmul", "neon"): _matmul("neon"),
        ("conv2d", "dsp"): (
            _tiled(False, 16),
            _tiled(False, 32),
            _tiled(True, 32),
            _conv2d(False, 64),
            _conv2d(False, 8),
            _conv2d(False, 256),
            _conv2d(True, 64),
            _dense(dsp_dense.fits_pointwise, 4),
            _dense(dsp_dense.fits_pointwise, 8),
        ),
        ("depthwise_conv2d", "dsp"): (
            _only(dsp_point.emit_depthwise_point, dsp_point.fits),
            _only(dsp_row.emit_depthwise_row, dsp_row.fits),
            _depthwise(1, dsp_depthwise.fits),
            _depthwise(2, dsp_depthwise.fits_unrolled),
        ),
        ("fully_connected", "dsp"): (_dense(dsp_dense.fits, 4), _dense(dsp_dense.fits, 8)),
        ("conv2d", "mve"): (_only(mve_conv2d.emit_conv2d, mve_conv2d.fits),),
        ("depthwise_conv2d", "mve"): (_only(mve_depthwise.emit_depthwise_conv2d, mve_depthwise.fits),),
        ("fully_connected", "mve"): (_only(mve_dense.emit_fully_connected, mve_dense.fits),),
        ("conv2d", "neon"): (_only(neon_conv2d.emit_conv2d, neon_conv2d.fits),),
        ("depthwise_conv2d", "neon"): (_only(neon_depthwise.emit_depthwise_conv2d, neon_depthwise.fits),),
        ("fully_connected", "neon"): (_only(neon_dense.emit_fully_connected, neon_dense.fits),),
        **{(op, "mve"): (kernel,) for op, kernel in _VECTOR_ELEMENTWISE.items()},
        **dict.fromkeys(
            (("add", "dsp"), ("sub", "dsp")),
            (_only(dsp_linear_add.emit_add, dsp_linear_add.fits), _only(dsp_add.emit_add, dsp_add.fits)),
        ),
        **dict.fromkeys((("mean", "dsp"), ("sum", "dsp")), (_only(dsp_linear_mean.emit_mean, dsp_linear_mean.fits),)),
        ("avg_pool2d", "mve"): (_only(dsp_avg_pool.emitter("mve"), dsp_avg_pool.fits("mve")),),
        ("avg_pool2d", "dsp"): (_only(dsp_avg_pool.emitter("dsp"), dsp_avg_pool.fits("dsp")),),
    }
)
"""(operator, instruction set) to kernels. An operator that has none for "portable" takes the emitter of emitters.py."""

WIDE_KERNELS: Mapping[tuple[str, str], tuple[Kernel, ...]] = MappingProxyType(
    {
        **{(op, "mve"): (kernel,) for op, kernel in _VECTOR_ELEMENTWISE.items()},
        ("conv2d", "mve"): (_only(mve_conv2d.emit_conv2d, mve_conv2d.fits),),
        ("depthwise_conv2d", "mve"): (_only(mve_depthwise.emit_depthwise_conv2d, mve_depthwise.fits),),
        ("conv2d", "dsp"): (
            _tiled(False, 16),
            _tiled(False, 32),
            _tiled(True, 32),
            _only(dsp_wide_dense.emit_wide_dense, dsp_wide_dense.fits_pointwise),
        ),
        ("depthwise_conv2d", "dsp"): (_depthwise(1, dsp_depthwise.fits), _depthwise(2, dsp_depthwise.fits_unrolled)),
        ("fully_connected", "dsp"): (_only(dsp_wide_dense.emit_wide_dense, dsp_wide_dense.fits),),
        ("batch_matmul", "dsp"): _matmul("dsp"),
        ("batch_matmul", "mve"): _matmul("mve"),
    }
)
"""The same for layers with int16 activations."""
