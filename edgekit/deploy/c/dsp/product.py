"""Products of two int8 activations with DSP instructions: conv2d's kernels, the second operand as int16 weights."""

from __future__ import annotations

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp.dot import block_kernel, one_kernel
from edgekit.deploy.c.dsp.widen import widen
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.text import fill
from edgekit.graph.products import ROWS

UNROLL = 64
DEEPEST = 1 << 14
"""Values of a row below which sums of products of 16 bits stay below 2³⁰, as requantize.py needs them."""

_ADJACENT = """\
/* @columns@ columns of @depth@ values, widened. */
static void @self@(const int8_t *b, int16_t *columns) {
    uint32_t *to = (uint32_t *)(void *)columns;
    for (int32_t j = 0; j < @columns@; j++) {
        @f0@(b, to);
        b += @depth@;
        to += @words@;
    }
}
"""

_STRIDED = """\
/* @columns@ columns of @depth@ values, @step@ bytes apart, widened. */
static void @self@(const int8_t *b, int16_t *columns) {
    uint32_t *to = (uint32_t *)(void *)columns;
    for (int32_t j = 0; j < @columns@; j++) {
        for (int32_t k = 0; k < @depth@; k += 4) {
            int32_t x[4];
            for (int32_t i = 0; i < 4; i++) {
                x[i] = k + i < @depth@ ? b[(k + i) * @step@] - @zero@ : 0;
            }
            to[0] = ((uint32_t)x[0] & 0xFFFFu) | (uint32_t)x[2] << 16;
            to[1] = ((uint32_t)x[1] & 0xFFFFu) | (uint32_t)x[3] << 16;
            to += 2;
        }
        b++;
    }
}
"""

_BLOCK = """\
/* @rows@ rows of @depth@ values with @columns@ columns. */
static void @self@(const int8_t *a, const int16_t *columns, int8_t *y, int16_t *work) {
    static const dsp_channel how = {@shift@, @multiplier@};
    uint32_t *block = (uint32_t *)(void *)work;
    for (int32_t p = 0; p < @rows@; p++) {
        @widen@(a, block + p);
        a += @depth@;
    }
    @kernel@(block, (const uint32_t *)(const void *)columns, &how, y);
}
"""


def fits(product: Product) -> bool:
    """Sums and shift within the proof of requantize.py, stores within reach."""
    return product.depth < DEEPEST and product.params.rescale.shift <= -1 and (ROWS - 1) * product.stride <= 4095


def dsp(product: Product, base: int) -> tuple[Function, ...]:
    """The functions; ``base`` is the number of functions in front of them."""
    params, padded = product.params, -(-product.depth // 4) * 4
    parts = {
        "widen": widen(product.depth, ROWS, params.zero_points[0]),
        "block": block_kernel(product.arithmetic, padded, ROWS, True, UNROLL, uniform=True, stride=product.stride),
    }
    if params.adj_y:
        parts["column"] = widen(product.depth, 1, params.zero_points[1])
    if product.rest:
        parts["one"] = one_kernel(product.arithmetic, padded, ROWS, True, uniform=True)
    own = {name: f"@f{base + i}@" for i, name in enumerate(parts)}
    rest = (Function(f"row_{product.name}", _rows(product, 1, own["widen"], own["one"])),) if product.rest else ()
    return (
        *parts.values(),
        Function(f"columns_{product.name}", _prepare(product, own.get("column", ""), padded)),
        Function(f"rows_{product.name}", _rows(product, ROWS, own["widen"], own["block"])),
        *rest,
    )


def _prepare(product: Product, column: str, padded: int) -> str:
    if product.params.adj_y:
        return fill(
            _ADJACENT, self="@self@", columns=product.columns, depth=product.depth, f0=column, words=padded // 2
        )
    return fill(
        _STRIDED, self="@self@", columns=product.columns, depth=product.depth, step=product.stride,
        zero=paren(product.params.zero_points[1]),
    )  # fmt: skip


def _rows(product: Product, rows: int, widened: str, kernel: str) -> str:
    rescale = product.params.rescale
    shift, multiplier = (0, 0) if rescale.multiplier == 0 else (-rescale.shift - 1, rescale.multiplier)
    return fill(
        _BLOCK, self="@self@", rows=rows, depth=product.depth, columns=product.columns, shift=shift,
        multiplier=multiplier, widen=widened, kernel=kernel,
    )  # fmt: skip
