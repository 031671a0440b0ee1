"""fully_connected, and conv2d of few positions, on int16 with DSP instructions: one row with four filters at a time.

The weights of two filters and two values share a word, so that SXTB16 brings a filter's pair beside the row's pair for
SMLAD. wide_requantize.py says how a sum ends. Where filters are no multiple of four, the last four are computed again
behind the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.assembly import function
from edgekit.deploy.c.dsp.wide_requantize import applies, channel_words, instructions, value
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import array_lines, fill, int32
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import Accumulate, ConvParams, FullyConnectedParams

FILTERS = 4
_HEADER = 2
"""Words in front of a table's groups."""
_SUMS = ("r8", "r9", "r10", "r11")

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
        *y++ = @value@;
    }
    row += 8;
}
"""

_ROWS = """\
static void @self@(const int16_t *x, const int8_t *w, const int32_t *c, int16_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        @f0@(x, w, c, y);
@rest@        x += @depth@;
        y += @outputs@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """int16 in and out, whole pairs of values and filters, sums and factors as the proof needs them."""
    arithmetic = _arithmetic(layer)
    outputs, depth = arithmetic.weights.shape
    shapes = outputs % 2 == 0 and outputs >= FILTERS and depth % 2 == 0 and depth >= 4
    types = (layer.inputs[0].dtype, layer.output.dtype) == ("int16", "int16")
    return shapes and types and applies(arithmetic, 0)


def fits_pointwise(layer: Layer) -> bool:
    """A conv2d that is a fully connected layer for each of its few positions."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    return patches.direct and patches.groups == 1 and patches.wide_nbytes == 0 and fits(layer)


def emit_wide_dense(layer: Layer) -> Code:
    """fully_connected, or a 1×1 conv2d: x int16 [rows, K] to y int16 [rows, O]."""
    arithmetic = _arithmetic(layer)
    outputs, depth = arithmetic.weights.shape
    weights, table, kind = f"weights_{layer.index}", f"channels_{layer.index}", element(layer.output)
    rows = layer.output.elements // outputs
    functions: tuple[Function, ...] = (_row(arithmetic),)
    if rows > 1 or outputs % FILTERS:
        text = fill(_ROWS, self="@self@", f0="@f0@", rows=rows, depth=depth, outputs=outputs, rest=_rest(arithmetic))
        functions = (*functions, Function(f"rows_wide_{rows}x{depth}_to_{outputs}", text))
    call = f"{{f{len(functions) - 1}}}({argument(kind, '{x}')}, {weights}, {table}, {argument(kind, '{y}')});"
    data = (_filters(arithmetic, weights), _table(arithmetic, table))
    return Code(call, functions, data, kernel=f"dsp {functions[-1].name}")


def _arithmetic(layer: Layer) -> Accumulate:
    """Of the layer, its weights as [O, K]."""
    arithmetic = cast(FullyConnectedParams | ConvParams, layer.params).arithmetic
    return replace(arithmetic, weights=arithmetic.weights.reshape(arithmetic.weights.shape[0], -1))


def _groups(arithmetic: Accumulate) -> list[np.ndarray]:
    """Filters of whole groups, and the last four where some are left."""
    places = np.arange(len(arithmetic.weights))
    left = len(places) % FILTERS
    return [places[: len(places) - left], places[-FILTERS:]] if left else [places]


def _rest(arithmetic: Accumulate) -> str:
    """The call for the last four filters, "" where none are left."""
    first, *last = _groups(arithmetic)
    if not last:
        return ""
    depth = arithmetic.weights.shape[1]
    return f"        @f0@(x, w + {len(first) * depth}, c + {_HEADER + 2 * len(first)}, y + {last[0][0]});\n"


def _filters(arithmetic: Accumulate, name: str) -> str:
    """Definition of the weights: of four filters and two values the bytes f0k0 f1k0 f0k1 f1k1, then those of f2, f3."""
    depth, groups = arithmetic.weights.shape[1], np.concatenate(_groups(arithmetic))
    turned = arithmetic.weights[groups].reshape(-1, 2, 2, depth // 2, 2).transpose(0, 3, 1, 4, 2)
    lines = array_lines(map(str, turned.astype(np.int64).ravel().tolist()))
    return f"static const _Alignas(4) int8_t {name}[{turned.size}] = {{\n{lines}\n}};\n"


def _table(arithmetic: Accumulate, name: str) -> str:
    """Definition of the table: bytes of a row in whole passes, groups, then four biases and factors a group."""
    channels, depth = channel_words(arithmetic, 0), arithmetic.weights.shape[1]
    assert channels is not None
    words: list[int] = []
    for filters in _groups(arithmetic):
        groups = channels[filters].reshape(-1, FILTERS, 2).transpose(0, 2, 1)  # [group, biases or factors, filter]
        words += [depth // 4 * 8, len(groups), *groups.ravel().tolist()]
    return f"static const int32_t {name}[{len(words)}] = {{\n{array_lines(int32(w) for w in words)}\n}};\n"


def _row(arithmetic: Accumulate) -> Function:
    """``(x, w, c, y)``: one row with all filters of a table."""
    tail = arithmetic.weights.shape[1] % 4 != 0  # two values are left behind the passes of four
    twin = fill(_TWIN, tail="1" if tail else "0", value=value(arithmetic, "s[f]", "row[4 + f]"))
    parameters = ("const int16_t *x", "const int8_t *w", "const int32_t *c", "int16_t *y")
    comment = "One row of int16 with all filters, four at a time; sizes, biases and factors are in c."
    name = "wide_filters_by_four" + ("_and_two" if tail else "")
    return Function(name, function(comment, parameters, _lines(arithmetic, tail), twin))


def _lines(arithmetic: Accumulate, tail: bool) -> list[str]:
    """X r0 and its end ip, w r1, values r2 and r3, weights r4 to r7, sums r8 to r11; on the stack the table's place, y,
    x and the groups left.
    """
    finished = [instructions(arithmetic, *pair) for pair in zip(_SUMS, ("r4", "r5", "r6", "r7"), strict=True)]
    rest = ["ldr r2, [r0]", "ldm r1!, {r4, r5}", *_pair("r2", "r4", "r5")] if tail else []
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #20",
        "ldrd r4, r5, [r2], #8", "add ip, r0, r4", "strd r2, r3, [sp]", "strd r0, r5, [sp, #8]",
        "1:", "ldr lr, [sp]", "ldm lr!, {r8, r9, r10, r11}", "str lr, [sp]",
        "2:", "ldm r0!, {r2, r3}", "ldm r1!, {r4, r5, r6, r7}", *_pair("r2", "r4", "r5"), *_pair("r3", "r6", "r7"),
        "cmp r0, ip", "bne 2b", *rest,
        "ldrd r2, r3, [sp]", "ldm r2!, {r4, r5, r6, r7}",
        *(line for ending in zip(*finished, strict=True) for line in ending),
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
