"""fully_connected on int16 activations with DSP instructions: one row with four filters at a time.

TensorFlow Lite keeps such a sum in 64 bits and scales it by 16 bits of the factor: ⌊(s·m + 2^(t−1)) / 2^t⌋. Where no
sum can leave 32 bits and 16 ≤ t ≤ 32, that is ⌊(s·m·2^(32−t) + 2³¹) / 2³²⌋ – one SMMULR. The weights of two filters and
two values share a word, so that SXTB16 brings a filter's pair beside the row's pair for SMLAD.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.dsp.assembly import function
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import array_lines, fill, int32
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import Accumulate, FullyConnectedParams

FILTERS = 4
_SUMS = ("r8", "r9", "r10", "r11")
_FULL = (-32768, 32767)

_TWIN = """\
const int32_t pairs = c[0] / 4 + @tail@;
const int32_t groups = c[1];
const int32_t *row = c + 2;
for (int32_t g = 0; g < groups; g++) {
    int32_t s[4] = {row[0], row[1], row[2], row[3]};
    for (int32_t k = 0; k < pairs; k++) {
        const uint32_t values = twin_pair(x[2 * k], x[2 * k + 1]);
        for (int32_t f = 0; f < 4; f += 2) {
            s[f] = twin_both(values, dsp_even(dsp_word(w)), s[f]);
            s[f + 1] = twin_both(values, dsp_odd(dsp_word(w)), s[f + 1]);
            w += 4;
        }
    }
    for (int32_t f = 0; f < 4; f++) {
        *y++ = clamp16(dsp_high_plus(s[f], row[4 + f], 0), (-32768), 32767);
    }
    row += 8;
}
"""

_ROWS = """\
static void @self@(const int16_t *x, const int8_t *w, const int32_t *c, int16_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        @f0@(x, w, c, y);
        x += @depth@;
        y += @outputs@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """int16 in and out, whole pairs of values and groups of filters, sums and factors as the proof needs them."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    outputs, depth = arithmetic.weights.shape
    shapes = outputs % FILTERS == 0 and depth % 2 == 0 and depth >= 4
    types = (layer.inputs[0].dtype, layer.output.dtype) == ("int16", "int16")
    clamp = (arithmetic.clamp.low, arithmetic.clamp.high) == _FULL
    return shapes and types and clamp and _sums_fit(arithmetic) and factors(arithmetic) is not None


def _sums_fit(arithmetic: Accumulate) -> bool:
    reach = np.abs(arithmetic.weights.astype(np.int64)).sum(axis=1) * 32768 + np.abs(arithmetic.bias.astype(np.int64))
    return bool(reach.max() < 1 << 31)


def factors(arithmetic: Accumulate) -> np.ndarray | None:
    """m·2^(32−t) of every filter, int64 [O]; None where one does not fit 32 bits or t is not from 16 to 32."""
    multiplier, total = arithmetic.multiplier.astype(np.int64), 15 - arithmetic.shift.astype(np.int64)
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    if np.any((total < 16) | (total > 32)):
        return None
    found: np.ndarray = reduced << (32 - total)
    return found if found.max() < 1 << 31 else None


def emit_wide_dense(layer: Layer) -> Code:
    """fully_connected: x int16 [rows, K] to y int16 [rows, O]."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    outputs, depth = arithmetic.weights.shape
    weights, table, kind = f"weights_{layer.index}", f"channels_{layer.index}", element(layer.output)
    rows = layer.output.elements // outputs
    functions: tuple[Function, ...] = (_row(depth % 4 != 0),)
    if rows > 1:
        text = fill(_ROWS, self="@self@", f0="@f0@", rows=rows, depth=depth, outputs=outputs)
        functions = (*functions, Function(f"rows_wide_{rows}x{depth}_to_{outputs}", text))
    call = f"{{f{len(functions) - 1}}}({argument(kind, '{x}')}, {weights}, {table}, {argument(kind, '{y}')});"
    data = (_filters(arithmetic, weights), _table(arithmetic, table))
    return Code(call, functions, data, kernel=f"dsp {functions[-1].name}")


def _filters(arithmetic: Accumulate, name: str) -> str:
    """Definition of the weights: of four filters and two values the bytes f0k0 f1k0 f0k1 f1k1, then those of f2, f3."""
    outputs, depth = arithmetic.weights.shape
    turned = arithmetic.weights.reshape(outputs // 4, 2, 2, depth // 2, 2).transpose(0, 3, 1, 4, 2)
    lines = array_lines(map(str, turned.astype(np.int64).ravel().tolist()))
    return f"static const _Alignas(4) int8_t {name}[{turned.size}] = {{\n{lines}\n}};\n"


def _table(arithmetic: Accumulate, name: str) -> str:
    """Definition of the table: bytes of a row in whole passes, groups, then four biases and factors a group."""
    outputs, depth = arithmetic.weights.shape
    scaled = factors(arithmetic)
    assert scaled is not None
    biases = arithmetic.bias.astype(np.int64).reshape(-1, FILTERS)
    words = [depth // 4 * 8, outputs // FILTERS]
    words += np.concatenate([biases, scaled.reshape(-1, FILTERS)], axis=1).ravel().tolist()
    return f"static const int32_t {name}[{len(words)}] = {{\n{array_lines(int32(w) for w in words)}\n}};\n"


def _row(tail: bool) -> Function:
    """``(x, w, c, y)``: one row with all filters; ``tail``: two values are left behind the passes of four."""
    parameters = ("const int16_t *x", "const int8_t *w", "const int32_t *c", "int16_t *y")
    comment = "One row of int16 with all filters, four at a time; sizes, biases and factors are in c."
    name = "wide_filters_by_four" + ("_and_two" if tail else "")
    return Function(name, function(comment, parameters, _lines(tail), fill(_TWIN, tail="1" if tail else "0")))


def _lines(tail: bool) -> list[str]:
    """X r0 and its end ip, w r1, values r2 and r3, weights r4 to r7, sums r8 to r11; on the stack the table's place, y,
    x and the groups left.
    """
    rest = ["ldr r2, [r0]", "ldm r1!, {r4, r5}", *_pair("r2", "r4", "r5")] if tail else []
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #20",
        "ldrd r4, r5, [r2], #8", "add ip, r0, r4", "strd r2, r3, [sp]", "strd r0, r5, [sp, #8]",
        "1:", "ldr lr, [sp]", "ldm lr!, {r8, r9, r10, r11}", "str lr, [sp]",
        "2:", "ldm r0!, {r2, r3}", "ldm r1!, {r4, r5, r6, r7}", *_pair("r2", "r4", "r5"), *_pair("r3", "r6", "r7"),
        "cmp r0, ip", "bne 2b", *rest,
        "ldrd r2, r3, [sp]", "ldm r2!, {r4, r5, r6, r7}",
        *(f"smmulr {total}, {total}, {factor}" for total, factor in zip(_SUMS, ("r4", "r5", "r6", "r7"), strict=True)),
        *(f"ssat {total}, #16, {total}" for total in _SUMS),
        "pkhbt r8, r8, r9, lsl #16", "pkhbt r9, r10, r11, lsl #16", "strd r8, r9, [r3], #8", "strd r2, r3, [sp]",
        "ldrd r0, r2, [sp, #8]", "subs r2, r2, #1", "str r2, [sp, #12]", "bne 1b",
        "add sp, sp, #20", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _pair(values: str, first: str, second: str) -> list[str]:
    """Two values of the row with four filters."""
    lines = []
    for word, (even, odd) in ((first, _SUMS[:2]), (second, _SUMS[2:])):
        lines += [f"sxtb16 lr, {word}", f"smlad {even}, {values}, lr, {even}"]
        lines += [f"sxtb16 {word}, {word}, ror #8", f"smlad {odd}, {values}, {word}, {odd}"]
    return lines
