"""Products of two int16 activations with DSP instructions: two rows with one column after another, sums of 64 bits.

Both operands are activations, so that nothing bounds their sums: SMLALD adds two products to 64 bits. Four values of
two rows and of a column are two LDM for eight products. The sum's rescaling is TensorFlow Lite's, 64 bits times 16.
"""

from __future__ import annotations

from edgekit.deploy.c.dsp.assembly import add, constant, function
from edgekit.deploy.c.dsp.widen import spread
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Rescale
from edgekit.graph.products import ROWS

PAIR = 2
"""Rows at a time."""
STORE_REACH = 4095
"""Largest offset of STRH, in bytes."""

_PREPARE = """\
/* @columns@ columns of @depth@ values, filled up with zeros. */
static void @self@(const int16_t *b, int16_t *columns) {
    for (int32_t j = 0; j < @columns@; j++) {
        for (int32_t k = 0; k < @padded@; k++) {
            columns[k] = k < @depth@ ? b[k * @step@] : 0;
        }
        b += @next@;
        columns += @padded@;
    }
}
"""

_TWIN = """\
const int16_t *values = (const int16_t *)(const void *)block;
for (int32_t j = 0; j < @columns@; j++) {
    for (int32_t p = 0; p < 2; p++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < @padded@; k++) {
            sum += values[k / 2 * 4 + 2 * p + k % 2] * columns[k];
        }
        y[p * @stride@] = @value@;
    }
    columns += @padded@;
    y++;
}
"""

_ROWS = """\
/* @rows@ rows of @depth@ values with @columns@ columns. */
static void @self@(const int16_t *a, const int16_t *columns, int16_t *y, int16_t *work) {
    uint32_t *block = (uint32_t *)(void *)work;
    for (int32_t p = 0; p < @rows@; p += 2) {
        for (int32_t i = 0; i < 2; i++) {
            @spread@((const int8_t *)(const void *)a, block + i);
            a += @depth@;
        }
        @pair@(block, columns, y);
        y += @two_strides@;
    }
}
"""

_ONE = """\
/* One row of @depth@ values with @columns@ columns. */
static void @self@(const int16_t *a, const int16_t *columns, int16_t *y, int16_t *work) {
    (void)work;
    for (int32_t j = 0; j < @columns@; j++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < @depth@; k++) {
            sum += a[k] * columns[k];
        }
        columns += @padded@;
        y[j] = @value@;
    }
}
"""


def fits(product: Product) -> bool:
    """A total shift that rounds, the second row's store within reach."""
    return 1 <= _total(product.params.rescale) <= 46 and 2 * product.stride <= STORE_REACH


def dsp(product: Product, base: int) -> tuple[Function, ...]:
    """The functions; ``base`` is the number of functions in front of them."""
    padded = -(-product.depth // 4) * 4
    sizes = {"columns": product.columns, "depth": product.depth, "padded": padded}
    rows = fill(
        _ROWS, self="@self@", rows=ROWS, columns=product.columns, depth=product.depth, spread=f"@f{base}@",
        pair=f"@f{base + 1}@", two_strides=PAIR * product.stride,
    )  # fmt: skip
    one = fill(_ONE, self="@self@", **sizes, value=value(product, "sum"))
    return (
        spread(product.depth, PAIR),
        Function(f"pair_wide_{product.name}", _pair(product, padded)),
        Function(f"columns_wide_{product.name}", prepare(product, padded)),
        Function(f"rows_wide_{product.name}", rows),
        *((Function(f"row_wide_{product.name}", one),) if product.rest else ()),
    )


def prepare(product: Product, padded: int) -> str:
    """Text of ``(b, columns)``: the columns one behind the other, of ``padded`` values each."""
    step, following = (1, product.depth) if product.params.adj_y else (product.stride, 1)
    return fill(
        _PREPARE, self="@self@", columns=product.columns, depth=product.depth, padded=padded, step=step, next=following
    )


def _total(rescale: Rescale) -> int:
    """Bits by which a product of sum and factor is shifted."""
    return 15 - rescale.shift


def _reduced(rescale: Rescale) -> int:
    """Sixteen bits of the factor (fixed_point.multiply_wide)."""
    return (rescale.multiplier + (1 << 15)) >> 16 if rescale.multiplier < 0x7FFF0000 else 0x7FFF


def value(product: Product, total: str) -> str:
    """A C expression: the output of the sum ``total``."""
    clamp, how = product.params.clamp, product.params.rescale
    return f"clamp16(rescale_wide({total}, {how.multiplier}, ({how.shift})), ({clamp.low}), {clamp.high})"


def _pair(product: Product, padded: int) -> str:
    twin = fill(
        _TWIN, columns=product.columns, padded=padded, stride=product.stride, value=value(product, "sum"),
    )  # fmt: skip
    comment = f"Two rows of {padded} values, two by two beside each other, with {product.columns} columns."
    parameters = ("const uint32_t *block", "const int16_t *columns", "int16_t *y")
    return function(comment, parameters, _lines(product, padded), twin)


def _lines(product: Product, padded: int) -> list[str]:
    """Rows r0 and their end lr, columns r1, y r2, values r3 to r6, a column's r7 and r8, sums r9 to ip; on the stack
    the columns' end.
    """
    four = ["ldm r0!, {r3, r4, r5, r6}", "ldm r1!, {r7, r8}"]
    for values, column in ((("r3", "r4"), "r7"), (("r5", "r6"), "r8")):
        four += [f"smlald r9, r10, {values[0]}, {column}", f"smlald r11, ip, {values[1]}, {column}"]
    together = next(n for n in (4, 3, 2, 1) if padded // 4 % n == 0)
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #4",
        "mov r3, r1", *add("r3", 2 * padded * product.columns, "r4"), "str r3, [sp]",
        "mov lr, r0", *add("lr", 4 * padded, "r4"),
        "1:", *(f"mov {register}, #0" for register in ("r9", "r10", "r11", "ip")),
        "2:", *four * together, "cmp r0, lr", "bne 2b",
        "mov r0, lr", *_back(4 * padded), *constant("r3", _reduced(product.params.rescale)),
        *_rescaled(product.params.rescale, "r11", "ip"), f"strh r4, [r2, #{2 * product.stride}]",
        *_rescaled(product.params.rescale, "r9", "r10"), "strh r4, [r2], #2",
        "ldr r3, [sp]", "cmp r1, r3", "bne 1b",
        "add sp, sp, #4", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _back(nbytes: int) -> list[str]:
    """``r0`` that many bytes lower."""
    return [f"sub r0, r0, #{nbytes}"] if nbytes <= 4095 else [*constant("r3", nbytes), "sub r0, r0, r3"]


def _rescaled(how: Rescale, low: str, high: str) -> list[str]:
    """``r4`` = the int16 of the sum in ``high`` and ``low``; the factor is in r3, r5 is free."""
    total = _total(how)
    lines = [f"umull r4, r5, {low}, r3", f"mla r5, {high}, r3, r5"]
    if total <= 32:
        lines += [f"adds r4, r4, #{1 << (total - 1):#x}", "adc r5, r5, #0"]
    else:
        lines.append(f"add r5, r5, #{1 << (total - 33):#x}")
    if total < 32:
        lines += [f"lsr r4, r4, #{total}", f"orr r4, r4, r5, lsl #{32 - total}"]
    else:
        lines.append("mov r4, r5" if total == 32 else f"asr r4, r5, #{total - 32}")
    return [*lines, "ssat r4, #16, r4"]
