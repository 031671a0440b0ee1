"""conv2d with NEON: four patches with four filters at a time, sixteen vectors of sums.

Patches are copied to working memory four at a time, so that their outputs may lie on them, and filled up with zeros to
multiples of 16 values. A filter's rows need no padding: what a load takes from the next filter is multiplied by those
zeros. The last four filters begin early and write again what the ones before them wrote.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.neon.requantize import finish, finish_one
from edgekit.deploy.c.neon.requantize import table as channels
from edgekit.deploy.c.patch_loop import BlockParts, full_or_rest, patch_loop
from edgekit.deploy.c.text import fill, text_of
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

BLOCK = 4
CHUNK = 16
FILTERS = 4

_BLOCK = """\
/* @count@ patches of @depth@ values with all filters. */
static void @self@(const int8_t *block, const int8_t *w, const int32_t *c, int8_t *y) {
#if defined(__ARM_NEON)
    for (int32_t n = 0; n < @outputs@; n += @filters@) {
        const int32_t o = n < @last@ ? n : @last@;
        const int8_t *row = w + o * @depth@;
@sums@        for (int32_t k = 0; k < @padded@; k += @chunk@) {
@products@        }
        const int32x4_t biases = vld1q_s32(c + o);
        const int32x4_t factors = vld1q_s32(c + @outputs@ + o);
        const int32x4_t powers = vld1q_s32(c + 2 * @outputs@ + o);
@stores@    }
#else
    for (int32_t o = 0; o < @outputs@; o++) {
        for (int32_t p = 0; p < @count@; p++) {
            int32_t s = c[o];
            for (int32_t k = 0; k < @depth@; k++) {
                s += block[p * @padded@ + k] * w[o * @depth@ + k];
            }
            y[p * @outputs@ + o] = @value@;
        }
    }
#endif
}
"""


def padded(depth: int) -> int:
    """Values of a patch with what fills it up to whole chunks."""
    return CHUNK * -(-depth // CHUNK)


def provable(arithmetic: Accumulate) -> bool:
    """Requantization proven (as for DSP), sums of two products in int16, a whole group of filters."""
    weights = arithmetic.weights
    return applies(arithmetic, 0) and weights.shape[0] >= FILTERS and bool(weights.min(initial=0) > -128)


def fits(layer: Layer) -> bool:
    """Whether a block fits the working memory, and the requantization is proven."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    need = BLOCK * padded(patches.depth)
    return patches.groups == 1 and need <= patches.nbytes and provable(params.arithmetic)


def emit_conv2d(layer: Layer) -> Code:
    """conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O]; y may lie on x as the memory plan allows."""
    params = cast(ConvParams, layer.params)
    arithmetic, patches = params.arithmetic, layer_patches(layer, params)
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, filled_up(arithmetic)), channels(table, arithmetic))
    functions = patch_loop(layer, params, patches, _parts(arithmetic, patches))
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, patches.nbytes, kernel=f"neon {functions[-1].name}")


def filled_up(arithmetic: Accumulate) -> np.ndarray:
    """The weights with zeros behind the last row, which a load may take."""
    return np.concatenate([arithmetic.weights.ravel(), np.zeros(CHUNK, np.int8)])


def block_kernel(arithmetic: Accumulate, count: int) -> Function:
    """``(block, w, c, y)``: ``count`` patches, filled up to whole chunks, to y int8 [count, O]."""
    outputs = arithmetic.weights.shape[0]
    depth = arithmetic.weights.size // outputs
    patches, filters = range(count), range(FILTERS)
    sums = [f"int32x4_t s{p}{f} = vdupq_n_s32(0);" for p in patches for f in filters]
    lines = [f"const int8x16_t x{p} = vld1q_s8(block + {p * padded(depth)} + k);" for p in patches]
    for f in filters:
        lines.append(f"const int8x16_t w{f} = vld1q_s8(row + {f * depth} + k);")
        lines += [f"s{p}{f} = neon_dot(s{p}{f}, x{p}, w{f});" for p in patches]
    stores = []
    for p in patches:
        totals = ", ".join(f"s{p}{f}" for f in filters)
        stores.append(f"int32x4_t v{p} = vaddq_s32(neon_totals({totals}), biases);")
        stores += finish(arithmetic, f"v{p}", "factors", "powers")
        stores.append(f"neon_store4(y + {p * outputs} + o, v{p});")
    text = fill(
        _BLOCK, self="@self@", count=count, depth=depth, outputs=outputs, filters=FILTERS, last=outputs - FILTERS,
        padded=padded(depth), chunk=CHUNK, sums=text_of(sums, 2), products=text_of(lines, 3), stores=text_of(stores, 2),
        value=finish_one(arithmetic, "s", f"c[{outputs} + o]", f"c[{2 * outputs} + o]"),
    )  # fmt: skip
    return Function(f"block_{count}x{depth}_to_{outputs}", text)


def _parts(arithmetic: Accumulate, patches: Patches) -> BlockParts:
    size, left = padded(patches.depth), patches.pixels % BLOCK
    functions = [block_kernel(arithmetic, count) for count in (BLOCK, left) if count and count <= patches.pixels]
    place = f"block + p * {size}"
    return BlockParts(
        functions=tuple(functions), count=BLOCK, weight="int8_t", channel="int32_t",
        begin=f"int8_t *block = scratch;\nmemset(block, 0, {BLOCK * size});\n",
        place=f"memcpy({place}, @from@, {patches.depth});", gathered=place, placed=True,
        products=full_or_rest(
            patches, BLOCK, "@p0@(block, w, c, y);", f"@p{len(functions) - 1}@(block, w, c, y);"
        ),
    )  # fmt: skip
