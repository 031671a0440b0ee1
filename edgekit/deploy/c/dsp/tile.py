"""Inner products of three widened patches with two filters at a time: conv2d where filters come in pairs.

A block holds three patches as int16, twice their values, so that sums are twice what they stand for. Of each four
neighbouring values the patches' even ones lie side by side, ``(x0, x2)`` a word and patch, and behind them the odd ones
``(x1, x3)``: the order in which SXTB16 widens four weights. Activations of int16 lie there as they are, once and side
by side, and the middle two of four weights change places instead. Nine instructions multiply two values of three
patches with two filters, and each word that is loaded serves two or three products: fewer cycles than a longer row of
patches with one filter takes. Depth, outputs and requantization lie in one table, so that all layers of a model that
end alike share one function. A depth that is no multiple of a pass enters the first pass late. The last of an odd
number of filters on int16 comes in a pair with the one before it, which is computed again: with a table of its own.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.dsp import channels
from edgekit.deploy.c.dsp.assembly import function
from edgekit.deploy.c.dsp.ending import Ending, ending_of
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.text import array_lines, fill, text_of
from edgekit.graph.integer.params import Accumulate

PATCHES = 3
FILTERS = 2
PLACES = 2
"""Words in front of a block's values: bytes from the first patch's outputs to the second's and to the third's."""
HEADER = 3
"""Words in front of a table's channels: bytes of the block, of outputs, where the code of the first pass begins."""
PASSES = (16, 32)
"""Values of a pass: the longer it is, the fewer branches and the more code."""
_WORDS = ("r4", "r5", "r6")
_SUMS = (("r8", "r9", "r10"), ("r11", "ip", "lr"))

_TWIN = """\
int32_t header[@header@];
memcpy(header, c, sizeof header);
const uint32_t *end = x + header[0] / 4;
const uint8_t *row = c + sizeof header;
for (int32_t o = 0; o < header[1]; o += @advance_y@) {
    const dsp_channel how[2] = {@channel@, @next_channel@};
    int32_t s[2][3];
    for (int32_t p = 0; p < 3; p++) {
        s[0][p] = @start@;
        s[1][p] = @next_start@;
    }
    for (const uint32_t *from = x + @places@; from < end; from += 6) {
        for (int32_t p = 0; p < 3; p++) {
            for (int32_t f = 0; f < 2; f++) {
                s[f][p] = twin_both(from[p], @even@, s[f][p]);
                s[f][p] = twin_both(from[3 + p], @odd@, s[f][p]);
            }
        }
        w += @advance@;
    }
    for (int32_t f = 0; f < 2; f++) {
@words@        y[x[1]@each@] = (@kind@)@third@;
        y[x[0]@each@] = (@kind@)@second@;
        y[0] = (@kind@)@first@;
        y++;
    }
    row += @two_rows@;
}
"""


def fits(arithmetic: Accumulate) -> bool:
    """Filters come in pairs, or there is a pair at least."""
    outputs: int = arithmetic.weights.shape[0]
    return outputs % FILTERS == 0 or (arithmetic.clamp.dtype == "int16" and outputs > FILTERS)


def block_bytes(padded: int) -> int:
    """Working memory of a block of patches of ``padded`` values."""
    return 4 * PLACES + 2 * PATCHES * padded


def filter_pairs(arithmetic: Accumulate, name: str, wide: bool) -> str:
    """Definition of the weights [O, K], rows padded to fours, pairs of filters interleaved: int8, or int16 in the order
    of SXTB16 as words.
    """
    rows = arithmetic.weights.reshape(arithmetic.weights.shape[0], -1).astype(np.int64)
    if len(rows) % FILTERS:
        rows = np.concatenate([rows[:-1], rows[-FILTERS:]])
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    four = rows.reshape(len(rows) // FILTERS, FILTERS, -1, 4).transpose(0, 2, 1, 3)  # [pair, step, filter, 4]
    if arithmetic.clamp.dtype == "int16":
        four = four[..., [0, 2, 1, 3]]
    if not wide:
        lines = array_lines(map(str, four.ravel().tolist()))
        return f"static const _Alignas(4) int8_t {name}[{four.size}] = {{\n{lines}\n}};\n"
    four = four & 0xFFFF
    words = np.stack([four[..., 0] | four[..., 2] << 16, four[..., 1] | four[..., 3] << 16], axis=2)
    lines = array_lines(f"{word:#x}u" for word in words.ravel().tolist())
    return f"static const uint32_t {name}[{words.size}] = {{\n{lines}\n}};\n"


def table(name: str, arithmetic: Accumulate, padded: int, wide: bool, step: int) -> str:
    """Definition of a layer's table: HEADER, then a row a channel; of an odd number of filters also the last pair's."""
    skipped = -padded % step // 4 * sum(map(_code_bytes, _wide_four() if wide else _four()))
    ending, outputs = ending_of(arithmetic, 0), arithmetic.weights.shape[0]
    cells, pair = ending.rows(), FILTERS * ending.row_bytes

    def header(filters: int) -> list[int]:
        return [block_bytes(padded), filters * ending.nbytes, skipped + 1]  # + 1: an address of Thumb code

    if outputs % FILTERS:
        last = [*np.array(header(FILTERS), "<i4").tobytes(), *cells[-pair:]]
        return channels.byte_table(name, header(outputs - 1), [*cells[: -ending.row_bytes], *last])
    return channels.byte_table(name, header(outputs), cells)


def last_pair(arithmetic: Accumulate, padded: int, wide: bool) -> tuple[int, int, int] | None:
    """Elements of the weights, bytes of the table and outputs in front of the last pair's; None where all are pairs."""
    outputs: int = arithmetic.weights.shape[0]
    if outputs % FILTERS == 0:
        return None
    weights = (outputs - 1) * padded // (2 if wide else 1)
    return weights, 4 * HEADER + (outputs - 1) * ending_of(arithmetic, 0).row_bytes, outputs - FILTERS


def tile_kernel(arithmetic: Accumulate, wide: bool, step: int) -> Function:
    """``(x, w, c, y)``: a block with all filters to three patches' outputs, those of the first patch last.

    Places of patches that are not there are 0: what is made of them the first patch's outputs overwrite.
    """
    weight = ("w[f]", "w[2 + f]") if wide else ("dsp_even(dsp_word(w + 4 * f))", "dsp_odd(dsp_word(w + 4 * f))")
    ending = ending_of(arithmetic, 0)
    row, values = ending.row_bytes, [ending.twin_value(f"s[f][{p}]") for p in range(PATCHES)]
    twin = fill(
        _TWIN, header=HEADER, places=PLACES, even=weight[0], odd=weight[1], advance=4 if wide else 8,
        words=text_of(ending.twin_words("how[f]"), 2), first=values[0], second=values[1], third=values[2],
        channel=ending.twin_row("row"), next_channel=ending.twin_row(f"row + {row}"), two_rows=2 * row,
        start=ending.twin_start("how[0].bias_shift"), next_start=ending.twin_start("how[1].bias_shift"),
        kind=ending.kind, each="" if ending.nbytes == 1 else f" / {ending.nbytes}", advance_y=FILTERS * ending.nbytes,
    )  # fmt: skip
    kind = "uint32_t" if wide else "int8_t"
    parameters = ("const uint32_t *x", f"const {kind} *w", "const uint8_t *c", f"{ending.kind} *y")
    comment = "Three patches with all filters, two at a time; places of their outputs in x, sizes and channels in c."
    name = f"{'wide_' if ending.nbytes > 1 else ''}tile_by_{step}" + ("_wide" if wide else "")
    return Function(name, function(comment, parameters, _lines(ending, wide, step), twin))


def _lines(ending: Ending, wide: bool, step: int) -> list[str]:
    """X r0, w r1, weights r2, r3 and r7, patches' words r4 to r6, sums r8 to lr; on the stack the table, y, the block's
    values and its end, where the first pass begins, the end of the outputs, and the places. ADR counts from a multiple
    of four.
    """
    group, row = _wide_four() if wide else _four(), ending.row_bytes
    starts = [ending.start(sums, word) for word, sums in zip(("r2", "r3"), _SUMS, strict=True)]
    return [
        ".p2align 2", "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #36",
        "strd r2, r3, [sp]", "ldm r2!, {r4, r5, r6}", "str r2, [sp]", "add r7, r0, r4", "add r5, r5, r3",
        "adr.w r4, 2f", "add r4, r4, r6", "strd r4, r5, [sp, #16]", "ldm r0!, {r4, r5}", "strd r4, r5, [sp, #24]",
        "strd r0, r7, [sp, #8]",
        "1:", "ldr r7, [sp]", f"ldr r2, [r7], #{row}", f"ldr r3, [r7], #{row}", "str r7, [sp]",
        *starts[0], *starts[1], "ldr pc, [sp, #16]",
        "2:", *group * (step // 4), "ldr r2, [sp, #12]", "cmp r0, r2", "bne 2b",
        "ldr r7, [sp]", "ldr r6, [sp, #4]", "ldrd r4, r5, [sp, #24]",
        *_stores(ending, 0), *_stores(ending, 1),
        "str r6, [sp, #4]", "ldr r0, [sp, #8]", "ldr r2, [sp, #20]", "cmp r6, r2", "bne 1b",
        "add sp, sp, #36", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _multiply(sums: tuple[str, ...], weight: str) -> list[str]:
    return [f"smlad {total}, {word}, {weight}, {total}" for total, word in zip(sums, _WORDS, strict=True)]


def _four() -> list[str]:
    """Four values with int8 weights."""
    lines = ["ldm r1!, {r2, r3}"]
    for rotation in ("", ", ror #8"):
        lines.append("ldm r0!, {r4, r5, r6}")
        for filters, sums in zip(("r2", "r3"), _SUMS, strict=True):
            lines += [f"sxtb16 r7, {filters}{rotation}", *_multiply(sums, "r7")]
    return lines


def _wide_four() -> list[str]:
    """Four values with int16 weights."""
    two = ["ldm r1!, {r2, r3}", "ldm r0!, {r4, r5, r6}", *_multiply(_SUMS[0], "r2"), *_multiply(_SUMS[1], "r3")]
    return two * 2


def _code_bytes(line: str) -> int:
    """Of an instruction for four values: LDM of low registers is short."""
    return 2 if line.startswith("ldm") else 4


def _stores(ending: Ending, which: int) -> list[str]:
    """Requantize and store one filter's outputs: places r4 and r5, y r6, table r7, shift r2, factor r3, zero r0."""
    first, second, third = _SUMS[which]
    at = (which - FILTERS) * ending.row_bytes
    return [
        *ending.load_end("r2", "r3", "r7", at), *ending.zero("r0", "r2"),
        *(line for total in _SUMS[which] for line in ending.finish(total, "r3", "r2", "r0")),
        f"{ending.store} {third}, [r6, r5]", f"{ending.store} {second}, [r6, r4]",
        f"{ending.store} {first}, [r6], #{ending.nbytes}",
    ]  # fmt: skip
