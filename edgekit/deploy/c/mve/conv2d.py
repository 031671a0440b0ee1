"""conv2d with MVE: two patches with four filters at a time, four sums of 16 products in flight.

Patches are copied to working memory four at a time, so that their outputs may lie on them, and filled up with zeros to
multiples of 16 values. A filter's rows need no padding: what a load takes from the next filter is multiplied by those
zeros.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.conv2d import gather_patch, layer_patches
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, whole
from edgekit.deploy.c.mve.dot import CHUNK, FILTERS, padded, products, together
from edgekit.deploy.c.mve.requantize import channel_fields, finish, finish_one
from edgekit.deploy.c.mve.requantize import table as channels
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

BLOCK = 4

_FILTERS = """\
/* @count@ patches of @depth@ values with all filters. */
#if defined(__ARM_FEATURE_MVE)
__attribute__((noinline)) /* eight sums take every even register: GCC finds no place for them in a larger function */
#endif
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
    return BLOCK * padded(patches.depth)


def _direct(arithmetic: Accumulate, patches: Patches) -> tuple[Function, ...]:
    outputs, left = arithmetic.weights.shape[0], patches.pixels % BLOCK
    functions = [_block(arithmetic, patches, BLOCK), _copy(patches.depth)]
    rest = ""
    if left:
        functions.append(_block(arithmetic, patches, left))
        rest = fill(_DIRECT_REST, rest=left, depth=patches.depth, padded=padded(patches.depth), f1="@f1@", f2="@f2@")
    text = fill(
        _DIRECT, self="@self@", block_bytes=_block_bytes(patches), blocks=patches.pixels // BLOCK, patches=BLOCK,
        padded=padded(patches.depth), depth=patches.depth, block_outputs=BLOCK * outputs, rest=rest, f0="@f0@",
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
        padded=padded(patches.depth),
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
        _FILTERS, self="@self@", count=count, depth=depth, outputs=outputs, padded=padded(depth),
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
    outputs = arithmetic.weights.shape[0]
    numbers = range(first, first + count)
    lines = [f"int32x4_t v{p} = vdupq_n_s32(0);" for p in numbers]
    for present in together(depth, count, filters):
        lines += products(depth, list(numbers), present)
        lines += [f"v{p} = vsetq_lane_s32(s{p}{f}, v{p}, {f});" for p in numbers for f in present]
    for p in numbers:
        lines += [f"v{p} = vaddq_s32(v{p}, biases);", *finish(arithmetic, f"v{p}", "factors", "powers", each=True)]
        to = f"y + {p * outputs}" if p else "y"
        lines.append(f"vstrbq_p_s32({to}, v{p}, live);" if filters < FILTERS else f"vstrbq_s32({to}, v{p});")
    return "{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"
