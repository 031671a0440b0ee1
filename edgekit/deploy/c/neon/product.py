"""Products of two int8 activations with NEON: a row with four columns at a time, eight products of int16 in two steps.

The last four columns begin early and write again what the ones before them wrote.
"""

from __future__ import annotations

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.neon.requantize import finish, finish_one
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.text import fill, text_of
from edgekit.deploy.c.vector_product import row_functions
from edgekit.graph.products import LANES

COLUMNS = 4

_WIDEN = """\
/* @depth@ values, @step@ bytes apart, less the zero point, filled up with zeros. */
static void @self@(const int8_t *from, int16_t *to) {
    for (int32_t k = 0; k < @depth@; k++) {
        to[k] = (int16_t)(from[k * @step@] - @zero@);
    }
    for (int32_t k = @depth@; k < @padded@; k++) {
        to[k] = 0;
    }
}
"""

_ROW = """\
/* One widened row with @columns@ columns. */
static void @self@(const int16_t *row, const int16_t *columns, int8_t *y) {
#if defined(__ARM_NEON)
    const int32x4_t factors = vdupq_n_s32(@multiplier@);
    const int32x4_t powers = vdupq_n_s32(@shift@);
    for (int32_t n = 0; n < @columns@; n += @four@) {
        const int32_t j = n < @last@ ? n : @last@;
        const int16_t *w = columns + j * @padded@;
@sums@        for (int32_t k = 0; k < @padded@; k += @lanes@) {
            const int16x8_t x = vld1q_s16(row + k);
@products@        }
        int32x4_t v = neon_totals(s0, s1, s2, s3);
@finish@        neon_store4(y + j, v);
    }
#else
    for (int32_t j = 0; j < @columns@; j++) {
        int32_t s = 0;
        for (int32_t k = 0; k < @padded@; k++) {
            s += row[k] * columns[j * @padded@ + k];
        }
        y[j] = @value@;
    }
#endif
}
"""


def fits(product: Product) -> bool:
    """A whole group of columns, a result that is shifted right, sums in reach of the requantization."""
    return product.columns >= COLUMNS and product.params.rescale.shift <= -1 and product.depth < 1 << 14


def neon(product: Product, base: int) -> tuple[Function, ...]:
    """The functions; ``base`` is the number of functions in front of them."""
    return row_functions(product, base, _widen, _row)


def _widen(product: Product, step: int, zero: int) -> str:
    return fill(
        _WIDEN, self="@self@", depth=product.depth, step=step, padded=product.shape.padded, zero=paren(zero)
    )  # fmt: skip


def _row(product: Product) -> str:
    arithmetic, padded, rescale = product.arithmetic, product.shape.padded, product.params.rescale
    sums = [f"int32x4_t s{f} = vdupq_n_s32(0);" for f in range(COLUMNS)]
    products = []
    for f in range(COLUMNS):
        products.append(f"const int16x8_t w{f} = vld1q_s16(w + {f * padded} + k);")
        products.append(f"s{f} = vmlal_s16(s{f}, vget_low_s16(x), vget_low_s16(w{f}));")
        products.append(f"s{f} = vmlal_high_s16(s{f}, x, w{f});")
    return fill(
        _ROW, self="@self@", columns=product.columns, four=COLUMNS, last=product.columns - COLUMNS, padded=padded,
        lanes=LANES, multiplier=rescale.multiplier, shift=paren(rescale.shift), sums=text_of(sums, 2),
        products=text_of(products, 3), finish=text_of(finish(arithmetic, "v", "factors", "powers"), 2),
        value=finish_one(arithmetic, "s", str(rescale.multiplier), paren(rescale.shift)),
    )  # fmt: skip
