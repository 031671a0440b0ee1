"""conv2d with DSP instructions: tiles of three patches, widened to int16, with two filters at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp import tile
from edgekit.deploy.c.dsp.dot import weight_type
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.dsp.widen import widen
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.patch_loop import BlockParts, patch_loop
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

_PRODUCTS = """\
block[0] = left > 1 ? @outputs@ : 0;
block[1] = left > 2 ? @two_outputs@ : 0;
@p0@(block, w, c, y);
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
        functions = patch_loop(layer, params, patches, _parts(arithmetic, patches, wide, step))
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
        return Code(call, functions, data, patches.nbytes, kernel=f"dsp {functions[-1].name}{'_wide' * wide}")

    return emit


def _parts(arithmetic: Accumulate, patches: Patches, wide: bool, step: int) -> BlockParts:
    outputs = arithmetic.weights.shape[0]
    return BlockParts(
        functions=(tile.tile_kernel(arithmetic, wide, step), widen(patches.depth, tile.PATCHES, twice=True)),
        count=tile.PATCHES, weight=weight_type(wide), channel="uint8_t",
        begin="uint32_t *block = (uint32_t *)(void *)scratch;\n",
        place=f"@p1@(@from@, block + {tile.PLACES} + p);", gathered=f"scratch + {tile.block_bytes(patches.padded)}",
        products=fill(_PRODUCTS, p0="@p0@", outputs=outputs, two_outputs=2 * outputs),
    )  # fmt: skip
