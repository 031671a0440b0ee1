"""Products of two int8 activations with MVE: a row with four columns at a time, eight int16 products an instruction.

Four sums at once, not eight: VMLADAVA takes every other core register only, and compilers need some themselves. The
last four columns begin early and write again what the ones before them wrote.
"""

from __future__ import annotations

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.mve.requantize import finish, finish_one
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.text import fill, text_of
from edgekit.deploy.c.vector_product import row_functions
from edgekit.graph.products import LANES

COLUMNS = 4
MOST_STEP = 0xFFFF // (LANES - 1)

_WIDEN = """\
/* @depth@ values, @step@ bytes apart, less the zero point, filled up with zeros. */
static void @self@(const int8_t *from, int16_t *to) {
#if defined(__ARM_FEATURE_MVE)
@places@    for (int32_t left = @depth@; left > 0; left -= @lanes@) {
        const mve_pred16_t live = vctp16q((uint32_t)left);
        const int16x8_t x = vsubq_n_s16(@load@, @zero@);
        vstrhq_s16(to, vpselq_s16(x, vdupq_n_s16(0), live));
        from += @lanes@ * @step@;
        to += @lanes@;
    }
#else
    for (int32_t k = 0; k < @padded@; k++) {
        to[k] = (int16_t)(k < @depth@ ? from[k * @step@] - @zero@ : 0);
    }
#endif
}
"""

_ROW = """\
/* One widened row with @columns@ columns. */
static void @self@(const int16_t *row, const int16_t *columns, int8_t *y) {
#if defined(__ARM_FEATURE_MVE)
    const int32_t factor = @multiplier@;
    const int32_t power = @shift@;
    for (int32_t n = 0; n < @columns@; n += @four@) {
        const int32_t j = n < @last@ ? n : @last@;
        const int16_t *w = columns + j * @padded@;
        int32_t s0 = 0;
        int32_t s1 = 0;
        int32_t s2 = 0;
        int32_t s3 = 0;
        for (int32_t k = 0; k < @padded@; k += @lanes@) {
            const int16x8_t x = vldrhq_s16(row + k);
            s0 = vmladavaq_s16(s0, x, vldrhq_s16(w + k));
            s1 = vmladavaq_s16(s1, x, vldrhq_s16(w + @padded@ + k));
            s2 = vmladavaq_s16(s2, x, vldrhq_s16(w + @padded2@ + k));
            s3 = vmladavaq_s16(s3, x, vldrhq_s16(w + @padded3@ + k));
        }
        int32x4_t v = vdupq_n_s32(s0);
        v = vsetq_lane_s32(s1, v, 1);
        v = vsetq_lane_s32(s2, v, 2);
        v = vsetq_lane_s32(s3, v, 3);
@finish@        vstrbq_s32(y + j, v);
    }
#else
    static const mve_channel how = {0, @multiplier@, @shift@};
    const mve_channel *c = &how;
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
    """A whole group of columns, offsets of the gathering load in 16 bits, a result that is shifted right."""
    strided = not product.params.adj_y
    reached = not strided or product.stride <= MOST_STEP
    return reached and product.columns >= COLUMNS and product.params.rescale.shift <= -1 and product.depth < 1 << 14


def mve(product: Product, base: int) -> tuple[Function, ...]:
    """The functions; ``base`` is the number of functions in front of them."""
    return row_functions(product, base, _widen, _row)


def _widen(product: Product, step: int, zero: int) -> str:
    places, load = "", "vldrbq_z_s16(from, live)"
    if step != 1:
        places = f"    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), {step});\n"
        load = "vldrbq_gather_offset_z_s16(from, places, live)"
    return fill(
        _WIDEN, self="@self@", depth=product.depth, step=step, lanes=LANES, padded=product.shape.padded,
        zero=paren(zero), places=places, load=load,
    )  # fmt: skip


def _row(product: Product) -> str:
    arithmetic, padded, rescale = product.arithmetic, product.shape.padded, product.params.rescale
    return fill(
        _ROW, self="@self@", columns=product.columns, four=COLUMNS, last=product.columns - COLUMNS, padded=padded,
        padded2=2 * padded, padded3=3 * padded, lanes=LANES, multiplier=rescale.multiplier, shift=paren(rescale.shift),
        finish=text_of(finish(arithmetic, "v", "factor", "power"), 2), value=finish_one(arithmetic),
    )  # fmt: skip
