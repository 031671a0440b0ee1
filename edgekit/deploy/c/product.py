"""Products of two int8 activations in C, a block of rows at a time: the core of batch_matmul and attention.

The second operand's columns are widened to int16 once, zero point subtracted; then rows of the first operand pass by.
Each instruction set gives the same functions (blocked_matmul.PROVIDERS):

- ``prepare(b, columns)`` widens the columns;
- ``block(a, columns, y, work)`` computes four rows;
- ``one(a, columns, y, work)`` computes one; only where rows are left over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, MatmulParams
from edgekit.graph.products import ROWS, MatrixProduct


@dataclass(frozen=True)
class Product:
    """What a product's C depends on.

    Attributes:
        shape: rows, depth and columns of one batch.
        columns: computed at a time.
        params: zero points, rescaling, and whether the second operand lies transposed (its columns contiguous).
    """

    shape: MatrixProduct
    columns: int
    params: MatmulParams

    @property
    def depth(self) -> int:
        """Values of a row."""
        return self.shape.depth

    @property
    def stride(self) -> int:
        """Bytes between rows of the output."""
        return self.shape.columns

    @property
    def rest(self) -> int:
        """Rows behind the last whole block."""
        return self.shape.rows % ROWS

    @property
    def name(self) -> str:
        """Part of function names."""
        return f"{self.depth}_to_{self.columns}"

    @property
    def arithmetic(self) -> Accumulate:
        """The requantization in the form in which weighted layers have theirs; one factor for all columns."""
        params, none = self.params, np.zeros(self.columns, np.int32)
        factor, shift = (np.full(self.columns, n, np.int32) for n in (params.rescale.multiplier, params.rescale.shift))
        return Accumulate(
            np.zeros((self.columns, self.depth), np.int8), none, none, factor, shift, False, params.zero_points[0],
            params.output_zero_point, params.clamp, True, params.rescale.rounding,
        )  # fmt: skip


_PREPARE = """\
/* @columns@ columns of @depth@ values, widened. */
static void @self@(const int8_t *b, int16_t *columns) {
    for (int32_t j = 0; j < @columns@; j++) {
        for (int32_t k = 0; k < @depth@; k++) {
            columns[k] = (int16_t)(b[k * @step@] - @zero@);
        }
        b += @next@;
        columns += @depth@;
    }
}
"""

_BLOCK = """\
/* @rows@ rows of @depth@ values with @columns@ columns. */
static void @self@(const int8_t *a, const int16_t *columns, int8_t *y, int16_t *work) {
    for (int32_t p = 0; p < @rows@; p++) {
        const int16_t *column = columns;
        for (int32_t k = 0; k < @depth@; k++) {
            work[k] = (int16_t)(a[k] - @zero@);
        }
        for (int32_t j = 0; j < @columns@; j++) {
            int32_t sum = 0;
            for (int32_t k = 0; k < @depth@; k++) {
                sum += work[k] * column[k];
            }
            column += @depth@;
            y[j] = clamp(rescale(sum, @multiplier@, @shift@) + @output_zero@, @low@, @high@);
        }
        a += @depth@;
        y += @stride@;
    }
}
"""


def portable(product: Product, base: int) -> tuple[Function, ...]:
    """The functions in portable C; ``base`` is the number of functions in front of them."""
    del base
    rest = (Function(f"row_{product.name}", _block(product, 1)),) if product.rest else ()
    return (
        Function(f"columns_{product.name}", _prepare(product)),
        Function(f"rows_{product.name}", _block(product, ROWS)),
        *rest,
    )


def _prepare(product: Product) -> str:
    step, following = (1, product.depth) if product.params.adj_y else (product.stride, 1)
    return fill(
        _PREPARE, self="@self@", columns=product.columns, depth=product.depth, step=step, next=following,
        zero=paren(product.params.zero_points[1]),
    )  # fmt: skip


def _block(product: Product, rows: int) -> str:
    params = product.params
    return fill(
        _BLOCK, self="@self@", rows=rows, depth=product.depth, columns=product.columns, stride=product.stride,
        zero=paren(params.zero_points[0]), multiplier=params.rescale.multiplier, shift=paren(params.rescale.shift),
        output_zero=paren(params.output_zero_point), low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
