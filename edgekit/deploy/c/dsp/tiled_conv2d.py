"""conv2d with DSP instructions: tiles of three patches, widened to int16, with two filters at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.conv2d import gather_patch, layer_patches
from edgekit.deploy.c.dsp import tile
from edgekit.deploy.c.dsp.dot import weight_type, widen
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.scratch import Patches

_LAYER = """\
static void @self@(const @weight@ *w, const uint8_t *c, const int8_t *x, int8_t *y, int8_t *scratch) {
    uint32_t *block = (uint32_t *)(void *)scratch;
@begin@    for (int32_t left = @pixels@; left > 0; left -= 3) {
        block[0] = left > 1 ? @outputs@ : 0;
        block[1] = left > 2 ? @two_outputs@ : 0;
        for (int32_t p = 0; p < 3 && p < left; p++) {
@fetch@        }
        @f0@(block, w, c, y);
        y += @three_outputs@;
    }
}
"""

_DIRECT = """\
            @f1@(x, block + 2 + p);
            x += @depth@;
"""

_POSITION = """\
    int8_t *patch = scratch + @block_bytes@;
    int32_t row = 0;
    int32_t column = 0;
"""

_GATHERED = """\
            @f2@(x, row, column, patch);
            @f1@(patch, block + 2 + p);
            column++;
            if (column == @out_width@) {
                column = 0;
                row++;
            }
"""


def fits(layer: Layer) -> bool:
    """Room for three patches as int16, filters in pairs, requantization proven for DSP."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    need = tile.block_bytes(patches.padded) + (0 if patches.direct else patches.depth)
    room = patches.block > 0 and need <= patches.nbytes
    return room and tile.fits(params.arithmetic) and applies(params.arithmetic, 0)


def emitter(wide: bool, step: int) -> Callable[[Layer], Code]:
    """An emitter of conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O].

    Args:
        wide: keep the weights as int16: fewer instructions, twice the flash.
        step: values of a pass, one of tile.PASSES.
    """

    def emit(layer: Layer) -> Code:
        params = cast(ConvParams, layer.params)
        arithmetic, patches = params.arithmetic, layer_patches(layer, params)
        weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
        data = (
            tile.filter_pairs(arithmetic, weights, wide),
            tile.table(table, arithmetic, patches.padded, wide, step),
        )
        functions = [tile.tile_kernel(arithmetic, wide, step), widen(patches.depth, tile.PATCHES, twice=True)]
        if not patches.direct:
            functions.append(gather_patch(layer, params))
        functions.append(_layer(layer, patches, wide))
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
        return Code(call, tuple(functions), data, patches.nbytes, kernel=f"dsp {functions[-1].name}")

    return emit


def _layer(layer: Layer, patches: Patches, wide: bool) -> Function:
    _, out_height, out_width, outputs = whole(layer.output, 4, layer)
    kernel_h, kernel_w, channels = patches.kernel
    if patches.direct:
        begin, fetch = "", fill(_DIRECT, f1="@f1@", depth=patches.depth)
        name = f"pointwise_{patches.pixels}x{patches.depth}_to_{outputs}"
    else:
        begin = fill(_POSITION, block_bytes=tile.block_bytes(patches.padded))
        fetch = fill(_GATHERED, f1="@f1@", f2="@f2@", out_width=out_width)
        name = f"conv2d_{kernel_h}x{kernel_w}x{channels}_to_{out_height}x{out_width}x{outputs}"
    text = fill(
        _LAYER, self="@self@", f0="@f0@", weight=weight_type(wide), begin=begin, pixels=patches.pixels, fetch=fetch,
        outputs=outputs, two_outputs=2 * outputs, three_outputs=3 * outputs,
    )  # fmt: skip
    return Function(name + ("_wide" if wide else ""), text)
