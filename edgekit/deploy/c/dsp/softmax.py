"""softmax by table with DSP instructions: four elements a word, their differences from the largest by one USUB8.

The carry of LSRS is the bit that rounds, so that ADC adds a rounded exponential; the same addition with carry rounds
the product with the reciprocal. softmax.py says why both roundings may be one.
"""

from __future__ import annotations

from edgekit.deploy.c.dsp.assembly import constant, function
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.softmax import DEEPEST, RECIPROCAL
from edgekit.deploy.c.softmax_table import over_rows
from edgekit.deploy.c.text import fill

LEAST = 8
"""Elements of a row below which words do not pay."""

_ROW = """\
/* One row of @depth@ elements. */
static void @self@(const uint32_t *table, const int8_t *x, int8_t *y) {
    int32_t largest = -128;
    int32_t headroom = 0;
    uint32_t how[4];
    @f3@(x, how);
    for (int32_t i = 0; i < 4; i++) {
        const int8_t value = (int8_t)(how[0] >> (8 * i));
        largest = value > largest ? value : largest;
    }
    for (int32_t i = @words@; i < @depth@; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    how[0] = (uint32_t)(largest & 255) * 0x01010101u;
    @f1@(table, x, how);
    uint32_t sum = how[1];
    for (int32_t i = @words@; i < @depth@; i++) {
        sum += ((table[largest - x[i]] >> 12) + 1u) >> 1;
    }
    while (((sum << headroom) & 0x80000000u) == 0) {
        headroom++;
    }
    how[1] = (uint32_t)@f0@((int32_t)((sum << headroom) - 0x80000000u));
    how[2] = (uint32_t)(35 - headroom);
    how[3] = ((uint32_t)1 << how[2]) >> 1;
    @f2@(table, x, y, how);
    for (int32_t i = @words@; i < @depth@; i++) {
        const uint64_t half = (uint64_t)how[3] << 32 | 0x80000000u;
        const uint32_t value = (uint32_t)(((uint64_t)table[largest - x[i]] * how[1] + half) >> 32) >> how[2];
        y[i] = (int8_t)((int32_t)(value > 255 ? 255 : value) - 128);
    }
}
"""

_LARGEST = """\
int32_t largest = -128;
for (int32_t i = 0; i < @words@; i++) {
    largest = x[i] > largest ? x[i] : largest;
}
how[0] = (uint32_t)(largest & 255) * 0x01010101u;
"""

_SUM = """\
const int32_t largest = (int8_t)how[0];
uint32_t sum = 0;
for (int32_t i = 0; i < @words@; i++) {
    sum += ((table[largest - x[i]] >> 12) + 1u) >> 1;
}
how[1] = sum;
"""

_SCALED = """\
const int32_t largest = (int8_t)how[0];
const uint64_t half = (uint64_t)how[3] << 32 | 0x80000000u;
for (int32_t i = 0; i < @words@; i++) {
    const uint32_t value = (uint32_t)(((uint64_t)table[largest - x[i]] * how[1] + half) >> 32) >> how[2];
    y[i] = (int8_t)((int32_t)(value > 255 ? 255 : value) - 128);
}
"""


def fits(layer: Layer) -> bool:
    """Rows of LEAST to DEEPEST elements."""
    return LEAST <= layer.output.dims[-1] <= DEEPEST


def row_functions(depth: int) -> tuple[Function, ...]:
    """Functions, of which the last is ``(table, x, y)`` over one row; y may be x."""
    words = depth - depth % 4
    table, x, y = "const uint32_t *table", "const int8_t *x", "int8_t *y"
    most = function(
        "Whole words of a row: their largest element is the largest of the four bytes.",
        (x, "uint32_t *how"), _largest_lines(words), fill(_LARGEST, words=words),
    )  # fmt: skip
    total = function(
        "The rounded exponentials of whole words of a row: the largest element's bytes in, the sum out.",
        (table, x, "uint32_t *how"), _sum_lines(words), fill(_SUM, words=words),
    )  # fmt: skip
    scaled = function(
        "Whole words of a row: largest element, reciprocal, shift and half in.",
        (table, x, y, "const uint32_t *how"), _scaled_lines(words), fill(_SCALED, words=words),
    )  # fmt: skip
    text = fill(_ROW, self="@self@", depth=depth, words=words, f0="@f0@", f1="@f1@", f2="@f2@", f3="@f3@")
    return (
        Function("one_over_one_plus", RECIPROCAL),
        Function(f"exponentials_of_{words}", total),
        Function(f"softmax_of_{words}", scaled),
        Function(f"largest_of_{words}", most),
        Function(f"word_softmax_of_{depth}", text),
    )


def emit_softmax(layer: Layer) -> Code:
    """Softmax over the last axis: x int8 [..., K] to y int8 [..., K] of scale 1/256 and zero point −128."""
    return over_rows(layer, row_functions(layer.output.dims[-1]))


def _largest_lines(words: int) -> list[str]:
    """X r0 to its end ip, four largest r2: SEL takes the bytes whose difference SSUB8 found not below zero."""
    return [
        "push {r4, lr}", *constant("ip", words), "add ip, ip, r0", "ldr r2, [r0], #4",
        "1:", "ldr r3, [r0], #4", "ssub8 r4, r3, r2", "sel r2, r3, r2", "cmp r0, ip", "bne 1b",
        "str r2, [r1]", "pop {r4, pc}",
    ]  # fmt: skip


def _sum_lines(words: int) -> list[str]:
    """Table r0, x r1 to its end ip, sum r3, largest r4, differences r5, one exponential lr."""
    each = [
        line
        for rotation in ("", ", ror #8", ", ror #16", ", ror #24")
        for line in (f"uxtb lr, r5{rotation}", "ldr lr, [r0, lr, lsl #2]", "lsrs lr, lr, #13", "adc r3, r3, lr")
    ]
    return [
        "push {r4, r5, lr}", "ldr r4, [r2]", "mov r3, #0", *constant("ip", words), "add ip, ip, r1",
        "1:", "ldr r5, [r1], #4", "usub8 r5, r4, r5", *each, "cmp r1, ip", "bne 1b",
        "str r3, [r2, #4]", "pop {r4, r5, pc}",
    ]  # fmt: skip


def _scaled_lines(words: int) -> list[str]:
    """Table r0, x r1 to its end lr, y r2, largest r4, reciprocal r5, shift r6, half r7, differences r8, results r9, one
    product r10 and r11.
    """
    each = [
        line
        for byte, rotation in enumerate(("", ", ror #8", ", ror #16", ", ror #24"))
        for line in (
            f"uxtb r11, r8{rotation}", "ldr r11, [r0, r11, lsl #2]", "umull r10, r11, r11, r5",
            "adds r10, r10, #0x80000000", "adc r11, r11, r7", "lsr r11, r11, r6", "usat r11, #8, r11",
            f"bfi r9, r11, #{8 * byte}, #8",
        )
    ]  # fmt: skip
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "ldm r3, {r4, r5, r6, r7}", *constant("lr", words),
        "add lr, lr, r1",
        "1:", "ldr r8, [r1], #4", "usub8 r8, r4, r8", *each, "eor r9, r9, #0x80808080", "str r9, [r2], #4",
        "cmp r1, lr", "bne 1b", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip
