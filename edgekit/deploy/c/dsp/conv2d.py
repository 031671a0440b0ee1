"""conv2d with DSP instructions: blocks of patches, widened to int16, with one filter after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.conv2d import gather_patch, layer_patches
from edgekit.deploy.c.dsp.dot import block_kernel, filter_rows, one_kernel, weight_type, widen
from edgekit.deploy.c.dsp.requantize import applies, packed_table
from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.scratch import Patches

STORE_REACH = 4095
"""Largest offset of STRB, in bytes."""

_DIRECT = """\
static void @self@(const @weight@ *w, const dsp_channel *c, const int8_t *x, int8_t *y, int8_t *scratch) {
    uint32_t *block = (uint32_t *)(void *)scratch;
    for (int32_t n = 0; n < @blocks@; n++) {
        for (int32_t p = 0; p < @patches@; p++) {
            @f1@(x, block + p);
            x += @depth@;
        }
        @f0@(block, w, c, y);
        y += @block_outputs@;
    }
@rest@}
"""

_DIRECT_REST = """\
    for (int32_t n = 0; n < @rest@; n++) {
        @f1@(x, block);
        @f2@(block, w, c, y);
        x += @depth@;
        y += @outputs@;
    }
"""

_GATHERED = """\
static void @self@(const @weight@ *w, const dsp_channel *c, const int8_t *x, int8_t *y, int8_t *scratch) {
    uint32_t *block = (uint32_t *)(void *)scratch;
    int8_t *patch = scratch + @block_bytes@;
    int32_t row = 0;
    int32_t column = 0;
    int32_t p = 0;
    for (int32_t pixel = 0; pixel < @pixels@; pixel++) {
        @f2@(x, row, column, patch);
        @f1@(patch, block + p);
        column++;
        if (column == @out_width@) {
            column = 0;
            row++;
        }
@rest@        p++;
        if (p == @patches@) {
            @f0@(block, w, c, y);
            y += @block_outputs@;
            p = 0;
        }
    }
}
"""

_GATHERED_REST = """\
        if (pixel >= @full@) {
            @f3@(block, w, c, y);
            y += @outputs@;
            continue;
        }
"""


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
        make = _direct if patches.direct else _gathered
        functions = make(layer, params, patches, wide, unroll)
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
        return Code(call, functions, data, patches.nbytes, kernel=f"dsp {functions[-1].name}")

    return emit


def _direct(layer: Layer, params: ConvParams, patches: Patches, wide: bool, unroll: int) -> tuple[Function, ...]:
    """Of a 1×1 convolution: the input itself is the patches."""
    outputs, block = params.arithmetic.weights.shape[0], patches.block
    left = patches.pixels % block
    functions = [block_kernel(params.arithmetic, patches.padded, block, wide, unroll), widen(patches.depth, block)]
    if left:
        functions.append(one_kernel(params.arithmetic, patches.padded, block, wide))
    rest = fill(_DIRECT_REST, rest=left, depth=patches.depth, outputs=outputs, f1="@f1@", f2="@f2@") if left else ""
    text = fill(
        _DIRECT, self="@self@", weight=weight_type(wide), blocks=patches.pixels // block, patches=block, f0="@f0@",
        f1="@f1@", depth=patches.depth, block_outputs=block * outputs, rest=rest,
    )  # fmt: skip
    name = f"pointwise_{patches.pixels}x{patches.depth}_to_{outputs}" + ("_wide" if wide else "")
    return (*functions, Function(name, text))


def _gathered(layer: Layer, params: ConvParams, patches: Patches, wide: bool, unroll: int) -> tuple[Function, ...]:
    outputs, block = params.arithmetic.weights.shape[0], patches.block
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    left = patches.pixels % block
    functions = [
        block_kernel(params.arithmetic, patches.padded, block, wide, unroll),
        widen(patches.depth, block),
        gather_patch(layer, params),
    ]
    if left:
        functions.append(one_kernel(params.arithmetic, patches.padded, block, wide))
    rest = fill(_GATHERED_REST, full=patches.pixels - left, f3="@f3@", outputs=outputs) if left else ""
    text = fill(
        _GATHERED, self="@self@", weight=weight_type(wide), block_bytes=2 * block * patches.padded,
        pixels=patches.pixels, f0="@f0@", f1="@f1@", f2="@f2@", out_width=out_width, patches=block,
        block_outputs=block * outputs, rest=rest,
    )  # fmt: skip
    kernel_h, kernel_w, channels = patches.kernel
    name = f"conv2d_{kernel_h}x{kernel_w}x{channels}_to_{out_height}x{out_width}x{outputs}" + ("_wide" if wide else "")
    return (*functions, Function(name, text))
