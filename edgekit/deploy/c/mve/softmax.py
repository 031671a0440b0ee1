"""softmax by table with MVE: sixteen values of the largest, four exponentials gathered and rounded at a time.

VQRDMULH of e and r is ⌊(2e·r + 2³¹) / 2³²⌋, and VRSHL rounds halves up: the table of softmax_table.py, halved, gives
the same bytes.
"""

from __future__ import annotations

from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.softmax import RECIPROCAL, row_text
from edgekit.deploy.c.softmax_table import over_rows
from edgekit.deploy.c.text import fill

_ROW = """\
/* One row of @depth@ elements. */
#if defined(__ARM_FEATURE_MVE)
static void @self@(const uint32_t *table, const int8_t *x, int8_t *y) {
    int32_t largest = -128;
    uint32_t sum = 0;
    int32_t headroom = 0;
    for (int32_t i = 0; i < @depth@; i += 16) {
        const mve_pred16_t live = vctp8q((uint32_t)(@depth@ - i));
        largest = vmaxvq_p_s8((int8_t)largest, vldrbq_z_s8(x + i, live), live);
    }
    for (int32_t i = 0; i < @depth@; i += 4) {
        const mve_pred16_t live = vctp32q((uint32_t)(@depth@ - i));
        const int32x4_t places = vsubq_s32(vdupq_n_s32(largest), vldrbq_z_s32(x + i, live));
        const uint32x4_t e = vldrwq_gather_shifted_offset_z_u32(table, vreinterpretq_u32_s32(places), live);
        sum = vaddvaq_p_u32(sum, vrshrq_n_u32(e, 13), live);
    }
    while (((sum << headroom) & 0x80000000u) == 0) {
        headroom++;
    }
    const int32_t reciprocal = @f0@((int32_t)((sum << headroom) - 0x80000000u));
    for (int32_t i = 0; i < @depth@; i += 4) {
        const mve_pred16_t live = vctp32q((uint32_t)(@depth@ - i));
        const int32x4_t places = vsubq_s32(vdupq_n_s32(largest), vldrbq_z_s32(x + i, live));
        const uint32x4_t e = vldrwq_gather_shifted_offset_z_u32(table, vreinterpretq_u32_s32(places), live);
        int32x4_t v = vqrdmulhq_n_s32(vreinterpretq_s32_u32(vshrq_n_u32(e, 1)), reciprocal);
        v = vminq_s32(vrshlq_n_s32(v, headroom - 35), vdupq_n_s32(255));
        vstrbq_p_s32(y + i, vsubq_n_s32(v, 128), live);
    }
}
#else
@portable@#endif
"""


def row_functions(depth: int) -> tuple[Function, ...]:
    """Functions, of which the last is ``(table, x, y)`` over one row; y may be x."""
    portable = row_text(depth, "table[largest - x[i]]", "@f0@", tabled=True)
    text = fill(_ROW, self="@self@", f0="@f0@", depth=depth, portable=portable)
    return Function("one_over_one_plus", RECIPROCAL), Function(f"vector_softmax_of_{depth}", text)


def emit_softmax(layer: Layer) -> Code:
    """Softmax over the last axis: x int8 [..., K] to y int8 [..., K] of scale 1/256 and zero point −128."""
    return over_rows(layer, row_functions(layer.output.dims[-1]))
