"""conv2d with DSP instructions: blocks of patches, widened to int16, with one filter after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.dot import block_kernel, filter_rows, one_kernel, weight_type
from edgekit.deploy.c.dsp.requantize import applies, packed_table
from edgekit.deploy.c.dsp.widen import widen
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.patch_loop import BlockParts, full_or_rest, patch_loop
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches

STORE_REACH = 4095
"""Largest offset of STRB, in bytes."""


def fits(layer: Layer) -> bool:
    """Whether the layer has blocks of patches and its requantization is proven for DSP."""
    params = cast(ConvParams, layer.params)
    outputs = params.arithmetic.weights.shape[0]
    patches = layer_patches(layer, params)
    return patches.block > 0 and (patches.block - 1) * outputs <= STORE_REACH and applies(params.arithmetic, 0)


def emitter(wide: bool, unroll: int) -> Callable[[Layer], Code]:
    """An emitter of conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O].

    Args:
        wide: keep the weights as int16: fewer instructions, twice the flash.
        unroll: largest depth of patch that becomes straight code.
    """

    def emit(layer: Layer) -> Code:
        params = cast(ConvParams, layer.params)
        patches = layer_patches(layer, params)
        weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
        data = (filter_rows(params.arithmetic, weights, wide), packed_table(table, params.arithmetic))
        functions = patch_loop(layer, params, patches, _parts(params.arithmetic, patches, wide, unroll))
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
        return Code(call, functions, data, patches.nbytes, kernel=f"dsp {functions[-1].name}{'_wide' * wide}")

    return emit


def _parts(arithmetic: Accumulate, patches: Patches, wide: bool, unroll: int) -> BlockParts:
    outputs, block = arithmetic.weights.shape[0], patches.block
    functions = [block_kernel(arithmetic, patches.padded, block, wide, unroll), widen(patches.depth, block)]
    if patches.pixels % block:
        functions.append(one_kernel(arithmetic, patches.padded, block, wide))
    rest = f"for (int32_t p = 0; p < left; p++) {{\n    @p2@(block + p, w, c, y + p * {outputs});\n}}"
    return BlockParts(
        functions=tuple(functions), count=block, weight=weight_type(wide), channel="dsp_channel",
        begin="uint32_t *block = (uint32_t *)(void *)scratch;\n", place="@p1@(@from@, block + p);",
        gathered=f"scratch + {2 * block * patches.padded}",
        products=full_or_rest(patches, block, "@p0@(block, w, c, y);", rest),
    )  # fmt: skip
