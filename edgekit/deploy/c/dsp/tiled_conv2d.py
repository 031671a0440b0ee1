"""conv2d with DSP instructions: tiles of three patches, widened to int16, with two filters at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp import tile
from edgekit.deploy.c.dsp.dot import weight_type
from edgekit.deploy.c.dsp.ending import applies
from edgekit.deploy.c.dsp.widen import spread, widen
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.patch_loop import BlockParts, patch_loop
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

_PRODUCTS = """\
block[0] = left > 1 ? @outputs@ : 0;
block[1] = left > 2 ? @two_outputs@ : 0;
@p0@(block, w, c, @y@);
"""


def fits(layer: Layer) -> bool:
    """Room for three patches as int16, filters in pairs, requantization proven for DSP."""
    params = cast(ConvParams, layer.params)
    patches, each = layer_patches(layer, params), _bytes(layer)
    need = tile.block_bytes(patches.padded) + (0 if patches.direct else each * patches.depth)
    room = patches.groups == 1 and need <= _room(layer, patches)
    return room and tile.fits(params.arithmetic) and applies(params.arithmetic, 0)


def _bytes(layer: Layer) -> int:
    """Of an activation."""
    return 2 if layer.output.dtype == "int16" else 1


def _room(layer: Layer, patches: Patches) -> int:
    """Working memory for blocks; 0 where there are none."""
    if layer.output.dtype == "int16":
        return patches.wide_nbytes
    return patches.nbytes if patches.block > 0 else 0


def emitter(wide: bool, step: int) -> Callable[[Layer], Code]:
    """An emitter of conv2d: x [1,H,W,C] to y [1,Ho,Wo,O], both int8 or both int16.

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
        parts = _parts(arithmetic, patches, wide, step, _bytes(layer))
        functions = patch_loop(layer, params, patches, parts)
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
        room = _room(layer, patches)
        return Code(call, functions, data, room, kernel=f"dsp {functions[-1].name}{'_wide' * wide}")

    return emit


def _parts(arithmetic: Accumulate, patches: Patches, wide: bool, step: int, each: int) -> BlockParts:
    depth = patches.depth
    place = widen(depth, tile.PATCHES, twice=True) if each == 1 else spread(depth, tile.PATCHES)
    return BlockParts(
        functions=(tile.tile_kernel(arithmetic, wide, step), place),
        count=tile.PATCHES, weight=weight_type(wide), channel="uint8_t",
        begin="uint32_t *block = (uint32_t *)(void *)scratch;\n",
        place=f"@p1@(@from@, block + {tile.PLACES} + p);", gathered=f"scratch + {tile.block_bytes(patches.padded)}",
        products=_products(arithmetic, patches, wide, each),
    )  # fmt: skip


def _products(arithmetic: Accumulate, patches: Patches, wide: bool, each: int) -> str:
    outputs, last = arithmetic.weights.shape[0] * each, tile.last_pair(arithmetic, patches.padded, wide)
    to = "y" if each == 1 else "(int16_t *)(void *)y"
    text = fill(_PRODUCTS, p0="@p0@", outputs=outputs, two_outputs=2 * outputs, y=to)
    if last is None:
        return text
    weights, table, before = last
    return f"{text}@p0@(block, w + {weights}, c + {table}, {to} + {before});\n"
