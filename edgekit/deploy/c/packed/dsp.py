"""Packed products with DSP instructions: a byte of two numbers is looked up as the word of two widened weights.

The 256 words are worked out from the codebook into working memory, in front of the block, when the layer begins. A byte
then takes a load and a load from there instead of half a load and a SXTB16: 14 instructions for 16 products of four
patches, where int8 weights take 12½.
"""

from __future__ import annotations

from edgekit.deploy.c.dsp.assembly import add, constant, function, requantize, subtract, zero_of
from edgekit.deploy.c.dsp.requantize import finish, packed_table, zero_line
from edgekit.deploy.c.dsp.widen import widen
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.packed.codes import BOOK, EVEN_ODD, packed_array
from edgekit.deploy.c.patch_loop import BlockParts, full_or_rest
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.scratch import PAIRS_BYTES, Patches

_WORDS = ("r2", "r3", "r4", "r5")
_SUMS = ("r8", "r9", "r10", "r11")
_UNROLL = {True: 16, False: 64}
"""Values of a pass of straight code, for little flash or for few instructions."""

_TABLE = """\
/* Of every two numbers in a byte their values, as int16 in one word. */
static void @self@(const int8_t *book, uint32_t *table) {
    for (int32_t high = 0; high < 16; high++) {
        const uint32_t upper = (uint32_t)book[high] << 16;
        for (int32_t low = 0; low < 16; low++) {
            *table++ = upper | ((uint32_t)book[low] & 0xFFFFu);
        }
    }
}
"""

_TWIN = """\
const uint32_t *table = x - @table_words@;
for (int32_t o = 0; o < @outputs@; o++) {
    const int32_t packed = c->bias_shift;
    const int32_t multiplier = c->multiplier;
    @zero@    int32_t s[@patches@] = {@starts@};
    for (const uint32_t *from = x; from < x + @words@; from += @patches@) {
        const uint32_t pair = table[*w++];
        for (int32_t p = 0; p < @patches@; p++) {
            s[p] = twin_both(from[p], pair, s[p]);
        }
    }
@stores@    y++;
    c++;
}
"""

_ONE = """\
/* One patch of a block with all filters. */
static void @self@(const uint32_t *x, const uint32_t *table, const uint8_t *w, const dsp_channel *c, int8_t *y) {
    for (int32_t o = 0; o < @outputs@; o++) {
        const int32_t packed = c->bias_shift;
        @zero@        int32_t s = packed >> 8;
        for (const uint32_t *from = x; from < x + @words@; from += @two_patches@) {
            s = dsp_mla2(from[0], table[w[0]], s);
            s = dsp_mla2(from[@patches@], table[w[1]], s);
            w += 2;
        }
        *y++ = @value@;
        c++;
    }
}
"""


def dsp_parts(
    arithmetic: Accumulate, patches: Patches, names: tuple[str, str], *, small: bool
) -> tuple[tuple[str, ...], BlockParts]:
    """Definitions of the arrays ``names``, numbers and channels, and the parts of the loop for cores with the DSP
    extension; the requantization is proven (dsp/requantize.py). ``small``: code in loops instead of straight code.
    """
    outputs, count = arithmetic.weights.shape[0], patches.block or 1
    one, block = _one(arithmetic, patches.padded, count), "@p2@(block, w, c, y);"
    if count == 1:
        kernels, block = [one], "@p2@(block, table, w, c, y);"
    else:
        kernels = [_block(arithmetic, patches.padded, count, _UNROLL[small]), *([one] * bool(patches.pixels % count))]
    rest = f"for (int32_t p = 0; p < left; p++) {{\n    @p3@(block + p, table, w, c, y + p * {outputs});\n}}"
    data = (packed_array(arithmetic.weights, EVEN_ODD, names[0]), packed_table(names[1], arithmetic))
    functions = (Function("pairs_of_numbers", _TABLE), widen(patches.depth, count), *kernels)
    table = "uint32_t *table = (uint32_t *)(void *)scratch;\n@p0@(book, table);\n"
    return data, BlockParts(
        functions=functions, count=count, weight="uint8_t", channel="dsp_channel",
        begin=f"{BOOK}{table}uint32_t *block = table + {PAIRS_BYTES // 4};\n",
        place="@p1@(@from@, block + p);", gathered=f"scratch + {patches.packed_nbytes - patches.padded}",
        products=full_or_rest(patches, count, block, rest),
    )  # fmt: skip


def _one(arithmetic: Accumulate, depth: int, patches: int) -> Function:
    """``(x, table, w, c, y)``: the patch of a block that begins at x."""
    outputs = arithmetic.weights.shape[0]
    text = fill(
        _ONE, self="@self@", outputs=outputs, patches=patches, two_patches=2 * patches, words=depth * patches // 2,
        zero=zero_line(arithmetic, "packed"), value=finish(arithmetic, "s * 2", "packed", "c->multiplier"),
    )  # fmt: skip
    return Function(f"packed_one_of_{patches}x{depth}_to_{outputs}", text)


def _block(arithmetic: Accumulate, depth: int, patches: int, unroll: int) -> Function:
    """``(x, w, c, y)``: a block [P patches], its table in front of it, to y int8 [P, O]."""
    outputs = arithmetic.weights.shape[0]
    finished = [finish(arithmetic, f"s[{p}] * 2", "packed", "multiplier") for p in range(patches)]
    twin = fill(
        _TWIN, table_words=PAIRS_BYTES // 4, outputs=outputs, patches=patches, words=depth * patches // 2,
        zero=zero_line(arithmetic, "packed"), starts=", ".join(["packed >> 8"] * patches),
        stores="".join(f"    y[{p * outputs}] = {value};\n" for p, value in enumerate(finished)),
    )  # fmt: skip
    comment = f"{patches} patches of {depth} values with all packed filters, to {outputs} outputs each."
    parameters = ("const uint32_t *x", "const uint8_t *w", "const dsp_channel *c", "int8_t *y")
    lines = _lines(arithmetic, depth, patches, unroll)
    return Function(f"packed_block_{patches}x{depth}_to_{outputs}", function(comment, parameters, lines, twin))


def _lines(arithmetic: Accumulate, depth: int, patches: int, unroll: int) -> list[str]:
    """X r0, numbers r1, channels ip, patches' words r2 …, a number r6, the table r7, weights lr, sums r8 …; on the
    stack the end of the channels, y, and a count of passes.
    """
    outputs = arithmetic.weights.shape[0]
    sums = _SUMS[:patches]
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "mov ip, r2", *add("r2", 8 * outputs, "r4"),
        "sub sp, sp, #12", "strd r2, r3, [sp]",
        "1:", f"sub r7, r0, #{PAIRS_BYTES}", "ldr r6, [ip]", *(f"asr {total}, r6, #8" for total in sums),
        *_passes(depth, patches, unroll),
        "ldrd r6, r7, [ip], #8", *zero_of(arithmetic, "lr", "r6"), "ldr r2, [sp, #4]",
        *(f"lsl {total}, {total}, #1" for total in sums),
        *(line for total in sums for line in requantize(arithmetic, total, "r7", "r6", "lr")),
        *(f"strb {total}, [r2, #{p * outputs}]" for p, total in enumerate(sums) if p),
        f"strb {sums[0]}, [r2], #1", "str r2, [sp, #4]", *subtract("r0", 2 * patches * depth, "r3"),
        "ldr r3, [sp]", "cmp ip, r3", "bne 1b",
        "add sp, sp, #12", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _passes(depth: int, patches: int, unroll: int) -> list[str]:
    """All products of one filter: straight code, or a loop and what is left over."""
    if depth <= unroll:
        return _pairs(patches, depth // 2)
    return [
        *constant("r6", depth // unroll), "2:", "str r6, [sp, #8]", *_pairs(patches, unroll // 2),
        "ldr r6, [sp, #8]", "subs r6, r6, #1", "bne 2b", *_pairs(patches, depth % unroll // 2),
    ]  # fmt: skip


def _pairs(patches: int, count: int) -> list[str]:
    """``count`` pairs of values."""
    words = _WORDS[:patches]
    products = [f"smlad {total}, {word}, lr, {total}" for total, word in zip(_SUMS, words, strict=False)]
    step = ["ldrb r6, [r1], #1", f"ldm r0!, {{{', '.join(words)}}}", "ldr lr, [r7, r6, lsl #2]", *products]
    return step * count
