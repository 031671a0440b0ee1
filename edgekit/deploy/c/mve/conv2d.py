"""conv2d with MVE: two patches with four filters at a time, four sums of 16 products in flight.

Patches are copied to working memory four at a time, so that their outputs may lie on them, and filled up with zeros to
multiples of 16 values. A filter's rows need no padding: what a load takes from the next filter is multiplied by those
zeros. Sums of filters 0 and 2 and then of 1 and 3 are taken together, because VMOV writes lanes of a vector in such
pairs.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.conv2d import gather_patch, layer_patches
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, whole
from edgekit.deploy.c.mve.requantize import channel_fields, finish, finish_one
from edgekit.deploy.c.mve.requantize import table as channels
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

CHUNK = 16
BLOCK = 4
FILTERS = 4
REACH = 127
"""Largest offset of VLDRB, in bytes."""
UNROLLED = 8
"""Chunks of a patch up to which the products are straight code: the reach of VLDRB's offset."""

_FILTERS = """\
/* @count@ patches of @depth@ values with all filters. */
static void @self@(const int8_t *block, const int8_t *w, const mve_channel *c, int8_t *y) {
#if defined(__ARM_FEATURE_MVE)
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), sizeof *c);
@vector@#else
    for (int32_t o = 0; o < @outputs@; o++) {
        for (int32_t p = 0; p < @count@; p++) {
            int32_t s = c->bias;
            for (int32_t k = 0; k < @depth@; k++) {
                s += block[p * @padded@ + k] * w[k];
            }
            y[p * @outputs@] = @value@;
        }
        w += @depth@;
        c++;
        y++;
    }
#endif
}
"""

_GROUP = """\
for (int32_t o = 0; o < @times@; o++) {
@fields@@patches@    w += @advance@;
    c += @filters@;
    y += @filters@;
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

_DIRECT = """\
static void @self@(const int8_t *w, const mve_channel *c, const int8_t *x, int8_t *y, int8_t *block) {
    memset(block, 0, @block_bytes@);
    for (int32_t n = 0; n < @blocks@; n++) {
        for (int32_t p = 0; p < @patches@; p++) {
            @f1@(x, block + p * @padded@);
            x += @depth@;
        }
        @f0@(block, w, c, y);
        y += @block_outputs@;
    }
@rest@}
"""

_DIRECT_REST = """\
    for (int32_t p = 0; p < @rest@; p++) {
        @f1@(x, block + p * @padded@);
        x += @depth@;
    }
    @f2@(block, w, c, y);
"""

_GATHERED = """\
static void @self@(const int8_t *w, const mve_channel *c, const int8_t *x, int8_t *y, int8_t *block) {
    int8_t *patch = block + @block_bytes@;
    int32_t row = 0;
    int32_t column = 0;
    int32_t p = 0;
    memset(block, 0, @block_bytes@);
    for (int32_t pixel = 0; pixel < @pixels@; pixel++) {
        @f2@(x, row, column, patch);
        @f1@(patch, block + p * @padded@);
        column++;
        if (column == @out_width@) {
            column = 0;
            row++;
        }
        p++;
        if (p == @patches@) {
            @f0@(block, w, c, y);
            y += @block_outputs@;
            p = 0;
        }
    }
@rest@}
"""


def fits(layer: Layer) -> bool:
    """Whether a block fits the working memory, and the requantization is proven (as for DSP: shifts, reach of sums)."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    need = _block_bytes(patches) + (0 if patches.direct else patches.depth)
    return patches.groups == 1 and need <= patches.nbytes and applies(params.arithmetic, 0)


def emit_conv2d(layer: Layer) -> Code:
    """conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O]; y may lie on x as the memory plan allows."""
    params = cast(ConvParams, layer.params)
    arithmetic, patches = params.arithmetic, layer_patches(layer, params)
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    rows = np.concatenate([arithmetic.weights.ravel(), np.zeros(-patches.depth % CHUNK, np.int8)])
    data = (int8_array(weights, rows), channels(table, arithmetic))
    functions = _direct(arithmetic, patches) if patches.direct else _gathered(layer, params, patches)
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, patches.nbytes, kernel=f"mve {functions[-1].name}")


def _block_bytes(patches: Patches) -> int:
    return BLOCK * _padded(patches.depth)


def _padded(depth: int) -> int:
    return CHUNK * -(-depth // CHUNK)


def _direct(arithmetic: Accumulate, patches: Patches) -> tuple[Function, ...]:
    outputs, left = arithmetic.weights.shape[0], patches.pixels % BLOCK
    functions = [_block(arithmetic, patches, BLOCK), _copy(patches.depth)]
    rest = ""
    if left:
        functions.append(_block(arithmetic, patches, left))
        rest = fill(_DIRECT_REST, rest=left, depth=patches.depth, padded=_padded(patches.depth), f1="@f1@", f2="@f2@")
    text = fill(
        _DIRECT, self="@self@", block_bytes=_block_bytes(patches), blocks=patches.pixels // BLOCK, patches=BLOCK,
        padded=_padded(patches.depth), depth=patches.depth, block_outputs=BLOCK * outputs, rest=rest, f0="@f0@",
        f1="@f1@",
    )  # fmt: skip
    return (*functions, Function(f"pointwise_{patches.pixels}x{patches.depth}_to_{outputs}", text))


def _gathered(layer: Layer, params: ConvParams, patches: Patches) -> tuple[Function, ...]:
    arithmetic, left = params.arithmetic, patches.pixels % BLOCK
    _, out_height, out_width, outputs = whole(layer.output, 4, layer)
    functions = [_block(arithmetic, patches, BLOCK), _copy(patches.depth), gather_patch(layer, params)]
    if left:
        functions.append(_block(arithmetic, patches, left))
    text = fill(
        _GATHERED, self="@self@", block_bytes=_block_bytes(patches), pixels=patches.pixels,
        padded=_padded(patches.depth),
        out_width=out_width, patches=BLOCK, block_outputs=BLOCK * outputs, f0="@f0@", f1="@f1@", f2="@f2@",
        rest="    @f3@(block, w, c, y);\n" if left else "",
    )  # fmt: skip
    height, width, channels = patches.kernel
    name = f"conv2d_{height}x{width}x{channels}_to_{out_height}x{out_width}x{outputs}"
    return (*functions, Function(name, text))


def _copy(depth: int) -> Function:
    tail = f"    memcpy(to, from, {depth % CHUNK});\n" if depth % CHUNK else ""
    text = fill(_COPY, self="@self@", depth=depth, chunks=depth // CHUNK, chunk=CHUNK, tail=tail)
    return Function(f"patch_of_{depth}", text)


def _block(arithmetic: Accumulate, patches: Patches, count: int) -> Function:
    """``(block, w, c, y)``: ``count`` patches to y int8 [count, O]."""
    outputs, depth = arithmetic.weights.shape[0], patches.depth
    vector = _group(arithmetic, depth, count, FILTERS, outputs // FILTERS) if outputs >= FILTERS else ""
    vector += _group(arithmetic, depth, count, outputs % FILTERS, 1) if outputs % FILTERS else ""
    text = fill(
        _FILTERS, self="@self@", count=count, depth=depth, outputs=outputs, padded=_padded(depth),
        vector=indent(vector), value=finish_one(arithmetic),
    )  # fmt: skip
    return Function(f"block_{count}x{depth}_to_{outputs}", text)


def _group(arithmetic: Accumulate, depth: int, count: int, filters: int, times: int) -> str:
    """A loop over groups of ``filters`` filters with all patches of a block."""
    part = filters < FILTERS
    live = [f"const mve_pred16_t live = vctp32q({filters});"] if part else []
    fields = [*live, *(f"const int32x4_t {name} = {value};" for name, value in channel_fields(part).items())]
    patches = "".join(
        _patches(arithmetic, depth, first, min(2, count - first), filters) for first in range(0, count, 2)
    )
    return fill(
        _GROUP, times=times, fields="".join(f"    {line}\n" for line in fields), patches=indent(patches),
        advance=filters * depth, filters=filters,
    )  # fmt: skip


def _patches(arithmetic: Accumulate, depth: int, first: int, count: int, filters: int) -> str:
    """One or two patches with a group of filters, a filter a lane."""
    outputs, padded = arithmetic.weights.shape[0], _padded(depth)
    numbers = range(first, first + count)
    lines = [f"int32x4_t v{p} = vdupq_n_s32(0);" for p in numbers]
    for present in _together(depth, padded, count, filters):
        lines += _products(depth, padded, list(numbers), present)
        lines += [f"v{p} = vsetq_lane_s32(s{p}{f}, v{p}, {f});" for p in numbers for f in present]
    for p in numbers:
        lines += [f"v{p} = vaddq_s32(v{p}, biases);", *finish(arithmetic, f"v{p}", "factors", "powers", each=True)]
        to = f"y + {p * outputs}" if p else "y"
        lines.append(f"vstrbq_p_s32({to}, v{p}, live);" if filters < FILTERS else f"vstrbq_s32({to}, v{p});")
    return "{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def _together(depth: int, padded: int, count: int, filters: int) -> list[list[int]]:
    """Filters whose sums are taken at once: all four where eight sums and three pointers reach everything."""
    if count == 2 and filters == FILTERS and max(depth, padded) + padded - CHUNK <= REACH:
        return [[0, 1, 2, 3]]
    return [present for pair in ((0, 2), (1, 3)) if (present := [f for f in pair if f < filters])]


def _products(depth: int, padded: int, patches: list[int], filters: list[int]) -> list[str]:
    chunks = padded // CHUNK
    if chunks <= UNROLLED:
        return _straight(depth, padded, patches, filters)
    sums = [f"int32_t s{p}{f} = 0;" for p in patches for f in filters]
    lines = [f"const int8x16_t w{f} = vldrbq_s8(w + {f * depth} + k);" for f in filters]
    for p in patches:
        lines.append(f"const int8x16_t x{p} = vldrbq_s8(block + {p * padded} + k);")
        lines += [f"s{p}{f} = vmladavaq_s8(s{p}{f}, x{p}, w{f});" for f in filters]
    return [*sums, f"for (int32_t k = 0; k < {padded}; k += {CHUNK}) {{", *(f"    {line}" for line in lines), "}"]


def _straight(depth: int, padded: int, patches: list[int], filters: list[int]) -> list[str]:
    """All chunks in assembly: compilers shuffle sums between registers, for VMLADAVA takes even ones only."""
    rows, patch = {f: (f"w{f}", 0) for f in filters}, {p: (f"x{p}", 0) for p in patches}
    if len(filters) == FILTERS:  # two rows a pointer, both patches by one: the offsets reach
        rows = {f: (f"w{f - f % 2}", f % 2 * depth) for f in filters}
        patch = {p: (f"x{patches[0]}", (p - patches[0]) * padded) for p in patches}
    code = []
    for n in range(padded // CHUNK):
        add = "vmladava" if n else "vmladav"
        x = [f"q{i}" for i in range(len(patches))]
        code += [_load(x[i], *patch[p], n) for i, p in enumerate(patches)]
        for i, f in enumerate(filters):
            vector = f"q{2 + i % 2}"
            code.append(_load(vector, *rows[f], n))
            code += [f"{add}.s8 %[s{p}{f}], {x[j]}, {vector}" for j, p in enumerate(patches)]
    sums = [f"s{p}{f}" for p in patches for f in filters]
    outputs = ", ".join(f'[{name}] "=&Te"({name})' for name in sums)
    inputs = [f'[{name}] "r"(w + {int(name[1:]) * depth})' for name in sorted({name for name, _ in rows.values()})]
    inputs += [f'[{name}] "r"(block + {int(name[1:]) * padded})' for name in sorted({n for n, _ in patch.values()})]
    return [
        f"int32_t {', '.join(sums)};",
        "__asm__(",
        *(f'    "{line}\\n\\t"' for line in code),
        f"    : {outputs}",
        f"    : {', '.join(inputs)}",
        '    : "q0", "q1", "q2", "q3", "memory");',
    ]


def _load(vector: str, pointer: str, offset: int, chunk: int) -> str:
    return f"vldrb.u8 {vector}, [%[{pointer}], #{offset + chunk * CHUNK}]"
