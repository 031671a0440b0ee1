"""conv2d with MVE: two patches with four filters at a time, eight sums of 16 products in flight.

Patches are copied to working memory four at a time, so that their outputs may lie on them, and filled up with zeros to
multiples of 16 values.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.ending import applies
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.mve.tile import CHUNK, PATCHES, Form, block_kernel, filter_groups, fours
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
    patches, form = layer_patches(layer, params), Form.of(params.arithmetic)
    need = _block_bytes(form, patches) + (0 if patches.direct else form.each * patches.depth)
    few = params.arithmetic.weights.shape[0] * form.each <= MOST_OUTPUTS
    return patches.groups == 1 and few and need <= _room(form, patches) and applies(params.arithmetic, 0)


def _room(form: Form, patches: Patches) -> int:
    """Working memory that is planned."""
    return patches.nbytes if form.each == 1 else patches.wide_nbytes


def emit_conv2d(layer: Layer) -> Code:
    """conv2d: x [1,H,W,C] to y [1,Ho,Wo,O], both int8 or int16; y may lie on x as the memory plan allows."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (filter_groups(weights, params.arithmetic), fours(table, params.arithmetic))
    functions = patch_loop(layer, params, patches, _parts(params.arithmetic, patches))
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    room = _room(Form.of(params.arithmetic), patches)
    return Code(call, functions, data, room, kernel=f"mve {functions[-1].name}")


def _block_bytes(form: Form, patches: Patches) -> int:
    return PATCHES * form.padded(patches.depth)


def _parts(arithmetic: Accumulate, patches: Patches) -> BlockParts:
    form, left = Form.of(arithmetic), patches.pixels % PATCHES
    size, depth = form.padded(patches.depth), form.each * patches.depth
    blocks = [block_kernel(arithmetic, count) for count in (PATCHES, left) if count and count <= patches.pixels]
    copy = f"@p{len(blocks)}@(@from@, block + p / 2 * {2 * size} + p % 2 * {CHUNK});"
    products = ["@p0@(block, w, c, y);", f"@p{len(blocks) - 1}@(block, w, c, y);"]
    if form.each > 1:
        cast_to = "(const int16_t *)(void *)block, w, c, (int16_t *)(void *)y"
        products = [call.replace("block, w, c, y", cast_to) for call in products]
    pairs = (_copy_pairs(depth),) if patches.direct and depth % CHUNK == 0 else ()
    single = (_copy(depth),) if left or not pairs else ()  # whole blocks alone are copied in pairs alone
    return BlockParts(
        functions=(*blocks, *single, *pairs), count=PATCHES, weight="int8_t", channel=form.four[0],
        begin=f"int8_t *block = scratch;\nmemset(block, 0, {_block_bytes(form, patches)});\n", place=copy,
        gathered=f"scratch + {_block_bytes(form, patches)}",
        place_all=f"@p{len(blocks) + len(single)}@(x, block);" if pairs else "",
        products=full_or_rest(patches, PATCHES, *products),
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
