"""Products of two int16 activations with MVE: a row with two columns at a time, eight products an instruction.

VMLALDAVA adds them to 64 bits. The last two columns may begin early and write again what the ones before them wrote.
"""

from __future__ import annotations

from edgekit.deploy.c.dsp import wide_product
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.text import fill
from edgekit.graph.products import LANES, ROWS

_ROW = """\
/* One row of @depth@ values, filled up with zeros in work, with @columns@ columns. */
static void @self@(const int16_t *a, const int16_t *columns, int16_t *y, int16_t *work) {
    memset(work, 0, @padded_bytes@);
    memcpy(work, a, @depth_bytes@);
#if defined(__ARM_FEATURE_MVE)
    for (int32_t n = 0; n < @columns@; n += 2) {
        const int32_t j = n < @last@ ? n : @last@;
        const int16_t *w = columns + j * @padded@;
        int64_t s0 = 0;
        int64_t s1 = 0;
        for (int32_t k = 0; k < @padded@; k += @lanes@) {
            const int16x8_t x = vldrhq_s16(work + k);
            s0 = vmlaldavaq_s16(s0, x, vldrhq_s16(w + k));
            s1 = vmlaldavaq_s16(s1, x, vldrhq_s16(w + @padded@ + k));
        }
        y[j] = @first@;
        y[j + 1] = @second@;
    }
#else
    for (int32_t j = 0; j < @columns@; j++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < @padded@; k++) {
            sum += work[k] * columns[k];
        }
        columns += @padded@;
        y[j] = @value@;
    }
#endif
}
"""

_ROWS = """\
/* @rows@ rows of @depth@ values with @columns@ columns. */
static void @self@(const int16_t *a, const int16_t *columns, int16_t *y, int16_t *work) {
    for (int32_t p = 0; p < @rows@; p++) {
        @row@(a, columns, y, work);
        a += @depth@;
        y += @stride@;
    }
}
"""


def fits(product: Product) -> bool:
    """As for DSP, and two columns."""
    return wide_product.fits(product) and product.columns >= 2


def mve(product: Product, base: int) -> tuple[Function, ...]:
    """The functions; ``base`` is the number of functions in front of them."""
    padded = -(-product.depth // LANES) * LANES
    sizes = {"depth": product.depth, "columns": product.columns}
    row = fill(
        _ROW, self="@self@", **sizes, padded=padded, padded_bytes=2 * padded, depth_bytes=2 * product.depth,
        last=product.columns - 2, lanes=LANES, first=wide_product.value(product, "s0"),
        second=wide_product.value(product, "s1"), value=wide_product.value(product, "sum"),
    )  # fmt: skip
    rows = fill(_ROWS, self="@self@", **sizes, rows=ROWS, stride=product.stride, row=f"@f{base}@")
    one = Function(f"row_wide_{product.name}", row)
    return (
        one,
        Function(f"columns_wide_{product.name}", wide_product.prepare(product, padded)),
        Function(f"rows_wide_{product.name}", rows),
        *((one,) if product.rest else ()),
    )
