"""fully_connected with DSP instructions: one row with four filters at a time.

The weights of four filters are interleaved by four, so that one LDM loads sixteen of them; a row's four values are
widened once for the four filters. Sizes, factor and biases lie in one table that the function is given: all layers of a
model that end alike share one function. Where all filters have one factor, the table holds their biases alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.assembly import function, requantize
from edgekit.deploy.c.dsp.requantize import applies, finish
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import array_lines, fill, int32
from edgekit.graph.integer.params import Accumulate, ConvParams, FullyConnectedParams

FILTERS = 4
LEAST_STEP = 4
"""Values that a row is a multiple of; a pass takes as many, or twice as many where they go into the row."""
HEADER = 5
"""Words in front of a table's biases: values of a row, groups of filters, 2 · zero point + 1, shift, factor."""
_SUMS = ("r8", "r9", "r10", "r11")

_TWIN = """\
const int8_t *end = x + c[0];
const int32_t groups = c[1];
@common@const int32_t *row = c + @header@;
for (int32_t g = 0; g < groups; g++) {
    int32_t s[4] = {@starts@};
    for (const int8_t *k = x; k < end; k += 4) {
        for (int32_t f = 0; f < 4; f++) {
            s[f] = twin_both(dsp_even(dsp_word(k)), dsp_even(dsp_word(w)), s[f]);
            s[f] = twin_both(dsp_odd(dsp_word(k)), dsp_odd(dsp_word(w)), s[f]);
            w += 4;
        }
    }
    for (int32_t f = 0; f < 4; f++) {
@own@        *y++ = @value@;
    }
    row += @advance@;
}
"""

_COMMON = """\
const int32_t packed = c[3];
const int32_t multiplier = c[4];
const int32_t zero = dsp_zero(c[2], packed);
"""

_OWN = """\
        const int32_t packed = row[f];
        const int32_t multiplier = row[4 + f];
        const int32_t zero = dsp_zero(c[2], packed);
"""

_ROWS = """\
static void @self@(const int8_t *x, const int8_t *w, const int32_t *c, int8_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        @f0@(x, w, c, y);
        x += @depth@;
        y += @outputs@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """Full passes, full groups of filters, requantization proven."""
    arithmetic = _arithmetic(layer)
    outputs = arithmetic.weights.shape[0]
    depth = arithmetic.weights.size // outputs
    return depth % LEAST_STEP == 0 and outputs % FILTERS == 0 and applies(arithmetic, 0)


def fits_pointwise(layer: Layer) -> bool:
    """A conv2d that is a fully connected layer for each of its few positions, its output nowhere on its input."""
    params = cast(ConvParams, layer.params)
    kernel = params.arithmetic.weights.shape
    plain = kernel[1:3] == (1, 1) and params.stride == (1, 1) and not np.any(params.pad)
    return plain and kernel[3] == layer.inputs[0].dims[-1] and not layer_patches(layer, params).nbytes and fits(layer)


def emitter(step: int) -> Callable[[Layer], Code]:
    """An emitter of fully_connected, or a 1×1 conv2d: x int8 [rows, K] to y int8 [rows, O], ``step`` values a pass."""
    return lambda layer: _emit(layer, step)


def _emit(layer: Layer, step: int) -> Code:
    arithmetic = _arithmetic(layer)
    outputs = arithmetic.weights.shape[0]
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (_filters(arithmetic, weights), _table(arithmetic, table))
    depth = arithmetic.weights.size // outputs
    row = _row(arithmetic, step if depth % step == 0 else LEAST_STEP)
    rows = layer.output.elements // outputs
    functions: tuple[Function, ...] = (row,)
    if rows > 1:
        text = fill(_ROWS, self="@self@", f0="@f0@", rows=rows, depth=depth, outputs=outputs)
        functions = (row, Function(f"rows_{rows}x{depth}_to_{outputs}", text))
    call = f"{{f{len(functions) - 1}}}({{x}}, {weights}, {table}, {{y}});"
    return Code(call, functions, data, kernel=f"dsp {functions[-1].name}")


def _arithmetic(layer: Layer) -> Accumulate:
    return cast(FullyConnectedParams | ConvParams, layer.params).arithmetic


def _uniform(arithmetic: Accumulate) -> bool:
    """All filters have one factor."""
    return np.unique(arithmetic.multiplier).size == 1 and np.unique(arithmetic.shift).size == 1


def _filters(arithmetic: Accumulate, name: str) -> str:
    """Definition of the weights, four filters interleaved by four values."""
    outputs = arithmetic.weights.shape[0]
    four = arithmetic.weights.reshape(outputs // FILTERS, FILTERS, -1, 4).transpose(0, 2, 1, 3)
    lines = array_lines(map(str, four.astype(np.int64).ravel().tolist()))
    return f"static const _Alignas(4) int8_t {name}[{four.size}] = {{\n{lines}\n}};\n"


def _table(arithmetic: Accumulate, name: str) -> str:
    """Definition of the table: header, then biases, or for each group its packed biases and shifts and its factors."""
    outputs = arithmetic.weights.shape[0]
    depth = arithmetic.weights.size // outputs
    shifts = np.where(arithmetic.multiplier == 0, 0, -arithmetic.shift.astype(np.int64) - 1)
    factors, biases = arithmetic.multiplier.astype(np.int64), arithmetic.folded_bias.astype(np.int64)
    words = [depth, outputs // FILTERS, 2 * arithmetic.output_zero_point + 1, int(shifts[0]), int(factors[0])]
    if _uniform(arithmetic):
        words += biases.tolist()
    else:
        packed = (biases * 256 + shifts).reshape(-1, FILTERS)
        words += np.concatenate([packed, factors.reshape(-1, FILTERS)], axis=1).ravel().tolist()
    return f"static const int32_t {name}[{len(words)}] = {{\n{array_lines(int32(w) for w in words)}\n}};\n"


def _row(arithmetic: Accumulate, step: int) -> Function:
    """``(x, w, c, y)``: one row with all filters."""
    uniform = _uniform(arithmetic)
    twin = fill(
        _TWIN, header=HEADER, common=_COMMON if uniform else "", own="" if uniform else _OWN,
        starts=", ".join(f"row[{f}]" if uniform else f"row[{f}] >> 8" for f in range(FILTERS)),
        value=finish(arithmetic, "s[f] * 2", "packed", "multiplier"), advance=FILTERS if uniform else 2 * FILTERS,
    )  # fmt: skip
    parameters = ("const int8_t *x", "const int8_t *w", "const int32_t *c", "int8_t *y")
    comment = "One row with all filters, four at a time; sizes, zero point, factors and biases are in c."
    name = "filters_by_four" + ("" if uniform else "_per_channel")
    return Function(name, function(comment, parameters, _lines(arithmetic, uniform, step), twin))


def _lines(arithmetic: Accumulate, uniform: bool, step: int) -> list[str]:
    """X r0 and its end ip, w r1, weights r2 to r5 and lr, values r6 and r7, sums r8 to r11; on the stack the table's
    row, y, x, the header and the groups left.
    """
    starts = [] if uniform else [f"asr {total}, {total}, #8" for total in _SUMS]
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #20",
        "ldrd r6, r7, [r2]", "add ip, r0, r6", f"add r4, r2, #{4 * HEADER}",
        "strd r4, r3, [sp]", "strd r0, r2, [sp, #8]", "str r7, [sp, #16]",
        "1:", "ldr lr, [sp]", "ldm lr!, {r8, r9, r10, r11}", *starts, *([] if uniform else ["add lr, lr, #16"]),
        "str lr, [sp]",
        "2:", *_four() * (step // 4), "cmp r0, ip", "bne 2b",
        *_stores(arithmetic, uniform),
        "ldr r0, [sp, #8]", "ldr r2, [sp, #16]", "subs r2, r2, #1", "str r2, [sp, #16]", "bne 1b",
        "add sp, sp, #20", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _four() -> list[str]:
    """Four values of the row with four filters."""
    lines = ["ldr r6, [r0], #4", "ldm r1!, {r2, r3, r4, r5}", "sxtb16 r7, r6", "sxtb16 r6, r6, ror #8"]
    for total, weight in zip(_SUMS, ("r2", "r3", "r4", "r5"), strict=True):
        lines += [f"sxtb16 lr, {weight}", f"smlad {total}, r7, lr, {total}"]
        lines += [f"sxtb16 lr, {weight}, ror #8", f"smlad {total}, r6, lr, {total}"]
    return lines


def _stores(arithmetic: Accumulate, uniform: bool) -> list[str]:
    """Requantize and store the four outputs: r2 is y, r3 the table, r4 and r5 shift and factor, lr the zero point."""
    lines = ["ldrd r3, r2, [sp]", "ldr r6, [sp, #12]", "ldr r7, [r6, #8]"]
    if uniform:
        lines += ["ldrd r4, r5, [r6, #12]", "lsl lr, r7, r4"]
    for f, total in enumerate(_SUMS):
        if not uniform:
            lines += [f"ldr r4, [r3, #{4 * f - 32}]", f"ldr r5, [r3, #{4 * f - 16}]", "lsl lr, r7, r4"]
        lines += [f"lsl {total}, {total}, #1", *requantize(arithmetic, total, "r5", "r4", "lr")]
        lines.append(f"strb {total}, [r2], #1")
    return [*lines, "str r2, [sp, #4]"]
