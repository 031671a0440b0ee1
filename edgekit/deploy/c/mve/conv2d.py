"""conv2d with MVE: two patches with four filters at a time, eight sums of 16 products in flight.

Patches are copied to working memory four at a time, so that their outputs may lie on them, and filled up with zeros to
multiples of 16 values.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.mve.tile import CHUNK, PATCHES, block_kernel, filter_groups, fours, padded
from edgekit.deploy.c.patch_loop import BlockParts, full_or_rest, patch_loop
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

MOST_OUTPUTS = 0xFFFF - 3
"""Bytes that a scattering store of half lanes reaches from one patch's outputs to the next one's."""

_COPY = """\
/* A patch of @depth@ bytes to its place in a pair. */
static void @self@(const int8_t *from, int8_t *to) {
    for (int32_t n = 0; n < @chunks@; n++) {
        mve_copy16(to, from);
        from += @chunk@;
        to += @two_chunks@;
    }
@tail@}
"""


_COPY_PAIRS = """\
/* @patches@ patches of @depth@ bytes, chunk by chunk in pairs. */
static void @self@(const int8_t *from, int8_t *to) {
    for (int32_t pair = 0; pair < @patches@; pair += 2) {
        for (int32_t n = 0; n < @depth@; n += @chunk@) {
            mve_copy16(to, from + n);
            mve_copy16(to + @chunk@, from + @depth@ + n);
            to += @two_chunks@;
        }
        from += @two_depths@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """Whether a block fits the working memory, and the requantization is proven (as for DSP: shifts, reach of sums)."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    need = _block_bytes(patches) + (0 if patches.direct else patches.depth)
    few = params.arithmetic.weights.shape[0] <= MOST_OUTPUTS
    return patches.groups == 1 and few and need <= patches.nbytes and applies(params.arithmetic, 0)


def emit_conv2d(layer: Layer) -> Code:
    """conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O]; y may lie on x as the memory plan allows."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (filter_groups(weights, params.arithmetic), fours(table, params.arithmetic))
    functions = patch_loop(layer, params, patches, _parts(params.arithmetic, patches))
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, patches.nbytes, kernel=f"mve {functions[-1].name}")


def _block_bytes(patches: Patches) -> int:
    return PATCHES * padded(patches.depth)


def _parts(arithmetic: Accumulate, patches: Patches) -> BlockParts:
    size, left = padded(patches.depth), patches.pixels % PATCHES
    blocks = [block_kernel(arithmetic, count) for count in (PATCHES, left) if count and count <= patches.pixels]
    copy = f"@p{len(blocks)}@(@from@, block + p / 2 * {2 * size} + p % 2 * {CHUNK});"
    rest = f"@p{len(blocks) - 1}@(block, w, c, y);"
    pairs = (_copy_pairs(patches.depth),) if patches.direct and patches.depth % CHUNK == 0 else ()
    single = (_copy(patches.depth),) if left or not pairs else ()  # whole blocks alone are copied in pairs alone
    return BlockParts(
        functions=(*blocks, *single, *pairs), count=PATCHES, weight="int8_t", channel="mve_four",
        begin=f"int8_t *block = scratch;\nmemset(block, 0, {_block_bytes(patches)});\n", place=copy,
        gathered=f"scratch + {_block_bytes(patches)}",
        place_all=f"@p{len(blocks) + len(single)}@(x, block);" if pairs else "",
        products=full_or_rest(patches, PATCHES, "@p0@(block, w, c, y);", rest),
    )  # fmt: skip


def _copy(depth: int) -> Function:
    tail = f"    memcpy(to, from, {depth % CHUNK});\n" if depth % CHUNK else ""
    text = fill(_COPY, self="@self@", depth=depth, chunks=depth // CHUNK, chunk=CHUNK, two_chunks=2 * CHUNK, tail=tail)
    return Function(f"patch_of_{depth}", text)


def _copy_pairs(depth: int) -> Function:
    text = fill(
        _COPY_PAIRS,
        self="@self@",
        patches=PATCHES,
        depth=depth,
        chunk=CHUNK,
        two_chunks=2 * CHUNK,
        two_depths=2 * depth,
    )
    return Function(f"pairs_of_{depth}", text)
