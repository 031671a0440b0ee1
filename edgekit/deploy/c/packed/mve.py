"""Packed products with MVE: sixteen numbers become sixteen weights by one gathering load from the codebook.

Eight bytes are loaded into the lower halves of eight lanes, their upper four bits shifted up: a lane then holds its two
numbers, a byte each. A chunk of weights serves four patches.
"""

from __future__ import annotations

from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.mve.requantize import finish, finish_one
from edgekit.deploy.c.mve.requantize import table as channels
from edgekit.deploy.c.packed.codes import BESIDE, BOOK, packed_array
from edgekit.deploy.c.patch_loop import BlockParts, full_or_rest
from edgekit.deploy.c.text import fill, text_of
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.scratch import Patches

CHUNK = 16
LANES = 4

_BLOCK = """\
/* @count@ patches of @depth@ values with all packed filters. */
static void @self@(const int8_t *block, const uint8_t *w, const int8_t *book, const mve_channel *c, int8_t *y) {
#if defined(__ARM_FEATURE_MVE)
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), @outputs@);
@live@    for (int32_t o = 0; o < @outputs@; o++) {
@sums@        for (int32_t k = 0; k < @padded@; k += @chunk@) {
            const uint8_t *from = w + k / 2;
            uint16x8_t pairs = vldrbq_u16(from);
            pairs = vsliq_n_u16(pairs, pairs, 4);
            const uint8x16_t number = vandq_u8(vreinterpretq_u8_u16(pairs), vdupq_n_u8(15));
            const int8x16_t values = vldrbq_gather_offset_s8(book, number);
@products@        }
        int32x4_t v = vdupq_n_s32(0);
@lanes@@stores@        w += @row_bytes@;
        c++;
        y++;
    }
#else
    for (int32_t o = 0; o < @outputs@; o++) {
        for (int32_t p = 0; p < @count@; p++) {
            int32_t s = c->bias;
            for (int32_t k = 0; k < @depth@; k++) {
                s += block[p * @padded@ + k] * book[(uint32_t)w[k / 2] >> (k % 2 * 4) & 15u];
            }
            y[p * @outputs@] = @value@;
        }
        w += @row_bytes@;
        c++;
        y++;
    }
#endif
}
"""

_COPY = """\
/* A patch of @depth@ bytes to its place in a block. */
static void @self@(const int8_t *from, int8_t *to) {
    for (int32_t n = 0; n < @chunks@; n++) {
        mve_copy16(to, from);
        from += @chunk@;
        to += @chunk@;
    }
@tail@}
"""


def mve_parts(arithmetic: Accumulate, patches: Patches, names: tuple[str, str]) -> tuple[tuple[str, ...], BlockParts]:
    """Definitions of the arrays ``names``, numbers and channels, and the parts of the loop for Helium; the
    requantization is proven (dsp/requantize.py).
    """
    count, size = LANES if patches.block else 1, _padded(patches.depth)
    left = patches.pixels % count
    functions = [_copy(patches.depth), _block(arithmetic, patches.depth, count)]
    if left:
        functions.append(_block(arithmetic, patches.depth, left))
    data = (packed_array(arithmetic.weights, BESIDE, names[0], CHUNK // 2), channels(names[1], arithmetic))
    return data, BlockParts(
        functions=tuple(functions), count=count, weight="uint8_t", channel="mve_channel",
        begin=f"{BOOK}memset(scratch, 0, {count * size});\n", place=f"@p0@(@from@, scratch + p * {size});",
        gathered=f"scratch + {patches.packed_nbytes - patches.padded}",
        products=full_or_rest(patches, count, "@p1@(scratch, w, book, c, y);", "@p2@(scratch, w, book, c, y);"),
    )  # fmt: skip


def _padded(depth: int) -> int:
    return CHUNK * -(-depth // CHUNK)


def _copy(depth: int) -> Function:
    tail = f"    memcpy(to, from, {depth % CHUNK});\n" if depth % CHUNK else ""
    text = fill(_COPY, self="@self@", depth=depth, chunks=depth // CHUNK, chunk=CHUNK, tail=tail)
    return Function(f"patch_of_{depth}", text)


def _block(arithmetic: Accumulate, depth: int, count: int) -> Function:
    """``(block, w, book, c, y)``: ``count`` patches to y int8 [count, O]."""
    outputs, padded, part = arithmetic.weights.shape[0], _padded(depth), count < LANES
    numbered = range(count)
    products = "".join(
        f"            s{p} = vmladavaq_s8(s{p}, vldrbq_s8(block + {p * padded} + k), values);\n" for p in numbered
    )
    lanes = "".join(f"        v = vsetq_lane_s32(s{p}, v, {p});\n" for p in numbered)
    to = "vstrbq_scatter_offset_p_s32(y, places, v, live);" if part else "vstrbq_scatter_offset_s32(y, places, v);"
    stores = [
        "const int32_t factor = c->multiplier;", "const int32_t power = c->power;", "v = vaddq_n_s32(v, c->bias);",
        *finish(arithmetic, "v", "factor", "power"), to,
    ]  # fmt: skip
    text = fill(
        _BLOCK, self="@self@", count=count, depth=depth, outputs=outputs, padded=padded, chunk=CHUNK,
        live=f"    const mve_pred16_t live = vctp32q({count});\n" if part else "",
        sums="".join(f"        int32_t s{p} = 0;\n" for p in numbered), products=products, lanes=lanes,
        stores=text_of(stores, 2), row_bytes=(depth + 1) // 2,
        value=finish_one(arithmetic),
    )  # fmt: skip
    return Function(f"packed_block_{count}x{depth}_to_{outputs}", text)
