"""Inner products of a block of widened patches with one filter after another: the core of conv2d.

A block holds P patches (4 or 2) as int16. Of each four neighbouring values the patches' even ones lie side by side,
``(x0, x2)`` a word and patch, and behind them the odd ones ``(x1, x3)``: the order in which SXTB16 widens four weights.
So one LDM loads all patches' words, and each weight is loaded and widened once for P products: with P = 4 it is
12½ instructions for 16 products. Assembly, because compilers neither form the LDM nor keep 14 registers.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.dsp.assembly import add, constant, function, requantize, subtract, zero_of
from edgekit.deploy.c.dsp.requantize import finish, zero_line
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.text import array_lines, fill, indent
from edgekit.graph.integer.params import Accumulate

_WORDS = ("r2", "r3", "r4", "r5")
_SUMS = ("r8", "r9", "r10", "r11")
CHUNK = 32
"""Depth of one pass where the whole depth would make too much code."""

_TWIN = {
    "int8_t": """\
        const uint32_t word = dsp_word(w);
        const uint32_t even = dsp_even(word);
        const uint32_t odd = dsp_odd(word);
        w += 4;
""",
    "uint32_t": """\
        const uint32_t even = w[0];
        const uint32_t odd = w[1];
        w += 2;
""",
}

_BLOCK = """\
for (int32_t o = 0; o < @outputs@; o++) {
    const int32_t packed = c->bias_shift;
    const int32_t multiplier = c->multiplier;
    @zero@    int32_t s[@patches@] = {@starts@};
    const uint32_t *from = x;
    for (int32_t k = 0; k < @depth@; k += 4) {
@twin_weights@        for (int32_t p = 0; p < @patches@; p++) {
            s[p] = twin_both(from[p], even, s[p]);
            s[p] = twin_both(from[@patches@ + p], odd, s[p]);
        }
        from += @two_patches@;
    }
@stores@    y++;
@next@}
"""

_ONE = """\
/* The first patch of a block with all filters. */
static void @self@(const uint32_t *x, const @weight@ *w, const dsp_channel *c, int8_t *y) {
    for (int32_t o = 0; o < @outputs@; o++) {
        const int32_t packed = c->bias_shift;
        @zero@        int32_t s = packed >> 8;
        for (const uint32_t *from = x; from < x + @words@; from += @two_patches@) {
@twin_weights@            s = dsp_mla2(from[0], even, s);
            s = dsp_mla2(from[@patches@], odd, s);
        }
        *y++ = @value@;
    @next@    }
}
"""


def filter_rows(arithmetic: Accumulate, name: str, wide: bool) -> str:
    """Definition of the weights [O, K], rows padded to fours: int8, or int16 pairs (even, odd) as words."""
    outputs = arithmetic.weights.shape[0]
    rows = arithmetic.weights.reshape(outputs, -1).astype(np.int64)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    if not wide:
        lines = array_lines(map(str, rows.ravel().tolist()))
        return f"static const _Alignas(4) int8_t {name}[{rows.size}] = {{\n{lines}\n}};\n"
    four = rows.reshape(-1, 4) & 0xFFFF
    words = np.stack([four[:, 0] | four[:, 2] << 16, four[:, 1] | four[:, 3] << 16], axis=1)
    lines = array_lines(f"{word:#x}u" for word in words.ravel().tolist())
    return f"static const uint32_t {name}[{words.size}] = {{\n{lines}\n}};\n"


def weight_type(wide: bool) -> str:
    """C type of the weights' array."""
    return "uint32_t" if wide else "int8_t"


def block_kernel(
    arithmetic: Accumulate,
    depth: int,
    patches: int,
    wide: bool,
    unroll: int,
    *,
    uniform: bool = False,
    stride: int | None = None,
) -> Function:
    """``(x, w, c, y)``: a block [P patches] with all filters to y int8 [P, O].

    Args:
        arithmetic: of the layer.
        depth: values of a patch, a multiple of 4.
        patches: P.
        wide: weights are int16 pairs.
        unroll: largest depth that becomes straight code.
        uniform: all filters have the one channel that c points at.
        stride: bytes between the outputs of neighbouring patches; O when None.
    """
    outputs = arithmetic.weights.shape[0]
    stride = outputs if stride is None else stride
    weight = weight_type(wide)
    finished = [finish(arithmetic, f"s[{p}] * 2", "packed", "multiplier") for p in range(patches)]
    twin = fill(
        _BLOCK, patches=patches, two_patches=2 * patches, outputs=outputs, depth=depth, twin_weights=_TWIN[weight],
        zero=zero_line(arithmetic, "packed"), starts=", ".join(["packed >> 8"] * patches),
        stores="".join(f"    y[{p * stride}] = {value};\n" for p, value in enumerate(finished)),
        next="" if uniform else "    c++;\n",
    )  # fmt: skip
    comment = f"{patches} patches of {depth} values with all filters, to {outputs} outputs each."
    parameters = ("const uint32_t *x", f"const {weight} *w", "const dsp_channel *c", "int8_t *y")
    lines = _block_lines(arithmetic, depth, patches, wide, unroll, uniform, stride)
    name = f"block_{patches}x{depth}_to_{outputs}" + ("_wide" if wide else "")
    return Function(name, function(comment, parameters, lines, twin))


def _block_lines(
    arithmetic: Accumulate, depth: int, patches: int, wide: bool, unroll: int, uniform: bool, stride: int
) -> list[str]:
    """X r0, w r1, channels ip, patches' words r2 …, weights r6, r7 and lr, sums r8 …; on the stack the end of the
    channels (of the weights, where all filters share one), y, and a count of passes.
    """
    outputs = arithmetic.weights.shape[0]
    sums = _SUMS[:patches]
    weights = outputs * depth * (2 if wide else 1)
    end = ["mov r2, r1", *add("r2", weights, "r4")] if uniform else add("r2", 8 * outputs, "r4")
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "mov ip, r2", *end,
        "sub sp, sp, #12", "strd r2, r3, [sp]",
        "1:", "ldr r6, [ip]", *(f"asr {total}, r6, #8" for total in sums),
        *_passes(depth, patches, wide, unroll),
        "ldrd r6, r7, [ip]" if uniform else "ldrd r6, r7, [ip], #8",
        *zero_of(arithmetic, "lr", "r6"), "ldr r2, [sp, #4]",
        *(f"lsl {total}, {total}, #1" for total in sums),
        *(line for total in sums for line in requantize(arithmetic, total, "r7", "r6", "lr")),
        *(f"strb {total}, [r2, #{p * stride}]" for p, total in enumerate(sums) if p),
        f"strb {sums[0]}, [r2], #1", "str r2, [sp, #4]", *subtract("r0", 2 * patches * depth, "r3"),
        "ldr r3, [sp]", "cmp r1, r3" if uniform else "cmp ip, r3", "bne 1b",
        "add sp, sp, #12", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _passes(depth: int, patches: int, wide: bool, unroll: int) -> list[str]:
    """All products of one filter: straight code, or a loop of CHUNK or fewer values and what is left over."""
    if depth <= unroll:
        return _products(depth, patches, wide)
    chunk = min(CHUNK, unroll)
    return [
        *constant("r6", depth // chunk), "2:", "str r6, [sp, #8]", *_products(chunk, patches, wide),
        "ldr r6, [sp, #8]", "subs r6, r6, #1", "bne 2b", *_products(depth % chunk, patches, wide),
    ]  # fmt: skip


def _products(depth: int, patches: int, wide: bool) -> list[str]:
    lines: list[str] = []
    left = depth
    while left:
        step = min(left, 4 if wide else 8)
        lines += _wide_step(patches) if wide else _step(patches, step)
        left -= step
    return lines


def _load(patches: int) -> str:
    return f"ldm r0!, {{{', '.join(_WORDS[:patches])}}}"


def _multiply(patches: int, weight: str) -> list[str]:
    pairs = zip(_SUMS, _WORDS[:patches], strict=False)
    return [f"smlad {total}, {word}, {weight}, {total}" for total, word in pairs]


def _step(patches: int, values: int) -> list[str]:
    """Eight or four values with int8 weights."""
    if values == 8:
        return ["ldrd r6, r7, [r1], #8", *_four(patches, "r6"), *_four(patches, "r7")]
    return ["ldr r6, [r1], #4", *_four(patches, "r6")]


def _four(patches: int, weight: str) -> list[str]:
    load, products = _load(patches), _multiply(patches, "lr")
    return [load, f"sxtb16 lr, {weight}", *products, load, f"sxtb16 lr, {weight}, ror #8", *products]


def _wide_step(patches: int) -> list[str]:
    """Four values with int16 weights."""
    load = _load(patches)
    return ["ldrd r6, r7, [r1], #8", load, *_multiply(patches, "r6"), load, *_multiply(patches, "r7")]


def one_kernel(arithmetic: Accumulate, depth: int, patches: int, wide: bool, *, uniform: bool = False) -> Function:
    """``(x, w, c, y)``: the first patch of a block with all filters to y int8 [O]; ``uniform`` as above."""
    outputs = arithmetic.weights.shape[0]
    text = fill(
        _ONE, self="@self@", weight=weight_type(wide), outputs=outputs, patches=patches, two_patches=2 * patches,
        words=depth * patches // 2, twin_weights=indent(_TWIN[weight_type(wide)]),
        zero=zero_line(arithmetic, "packed"),
        value=finish(arithmetic, "s * 2", "packed", "c->multiplier"), next="" if uniform else "    c++;\n",
    )  # fmt: skip
    return Function(f"one_of_{patches}x{depth}_to_{outputs}" + ("_wide" if wide else ""), text)
