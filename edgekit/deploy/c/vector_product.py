"""Products of two int8 activations with vectors: what instruction sets share that take one row with all columns.

A row is widened to int16, zeros behind it up to whole vectors, as the columns were before. An instruction set gives the
function that widens and the one that computes a row.
"""

from __future__ import annotations

from collections.abc import Callable

from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.text import fill
from edgekit.graph.products import ROWS

_PREPARE = """\
/* @columns@ columns, widened. */
static void @self@(const int8_t *b, int16_t *columns) {
    for (int32_t j = 0; j < @columns@; j++) {
        @f0@(b, columns);
        b += @next@;
        columns += @padded@;
    }
}
"""

_ROWS = """\
/* @rows@ rows of @depth@ values with @columns@ columns. */
static void @self@(const int8_t *a, const int16_t *columns, int8_t *y, int16_t *work) {
    for (int32_t p = 0; p < @rows@; p++) {
        @widen@(a, work);
        @row@(work, columns, y);
        a += @depth@;
        y += @stride@;
    }
}
"""


def row_functions(
    product: Product, base: int, widen: Callable[[Product, int, int], str], row: Callable[[Product], str]
) -> tuple[Function, ...]:
    """The functions of a product.

    Args:
        product: what they compute.
        base: number of functions in front of them.
        widen: text of ``(from, to)`` of a product: values so many bytes apart, less a zero point.
        row: text of ``(row, columns, y)``: one widened row with all columns.
    """
    params = product.params
    step, following = (1, product.depth) if params.adj_y else (product.stride, 1)
    rows, columns, one = (f"@f{base + i}@" for i in range(3))
    prepare = fill(
        _PREPARE, self="@self@", columns=product.columns, next=following, padded=product.shape.padded, f0=columns
    )
    rest = (Function(f"rows_1x{product.name}", _rows(product, 1, rows, one)),) if product.rest else ()
    return (
        Function(f"widen_row_of_{product.depth}", widen(product, 1, params.zero_points[0])),
        Function(f"widen_column_of_{product.depth}", widen(product, step, params.zero_points[1])),
        Function(f"row_{product.name}", row(product)),
        Function(f"columns_{product.name}", prepare),
        Function(f"rows_{ROWS}x{product.name}", _rows(product, ROWS, rows, one)),
        *rest,
    )


def _rows(product: Product, rows: int, widen: str, row: str) -> str:
    return fill(
        _ROWS, self="@self@", rows=rows, depth=product.depth, columns=product.columns, stride=product.stride,
        widen=widen, row=row,
    )  # fmt: skip
