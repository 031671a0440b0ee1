"""A packed conv2d or fully_connected: patches go to working memory, a block of them meets all filters.

Patches are copied away before their outputs are written, so that outputs may lie on them as the memory plan allows.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.conv2d import gather_patch, layer_patches
from edgekit.deploy.c.dense_as_conv import as_pointwise
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.packed.codes import codebook
from edgekit.deploy.c.packed.dsp import dsp_kernels
from edgekit.deploy.c.packed.kernels import Kernels
from edgekit.deploy.c.packed.mve import mve_kernels
from edgekit.deploy.c.packed.portable import portable_kernels
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.scratch import Patches

_LAYER = """\
static void @self@(const uint8_t *w, const int8_t *book, const @channel@ *c, const int8_t *x, int8_t *y,
                   int8_t *scratch) {
    int8_t *block = scratch@start@;
@setup@@position@    int32_t p = 0;
    for (int32_t pixel = 0; pixel < @pixels@; pixel++) {
@next@        p++;
        if (p == @count@) {
            @products@
            y += @block_outputs@;
            p = 0;
        }
    }
@rest@}
"""

_POSITION = """\
    int8_t *patch = scratch + @patch_at@;
    int32_t row = 0;
    int32_t column = 0;
"""

_GATHERED = """\
@gather@(x, row, column, patch);
@place@
column++;
if (column == @out_width@) {
    column = 0;
    row++;
}
"""

_DIRECT = """\
@place@
x += @depth@;
"""


def emit_packed(layer: Layer, *, small: bool) -> Code:
    """conv2d, x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O], or fully_connected, x int8 [rows,K] to y int8 [rows,O].

    Args:
        layer: with at most sixteen different weights.
        small: code in loops instead of straight code.
    """
    layer = as_pointwise(layer, few=True)
    params = cast(ConvParams, layer.params)
    patches, weights = layer_patches(layer, params), params.arithmetic.weights
    names = (f"numbers_{layer.index}", f"channels_{layer.index}")
    isa, kernels = _kernels(layer, params, patches, names, small)
    book = f"codebook_{layer.index}"
    gather = () if patches.direct else (gather_patch(layer, params),)
    functions = (*kernels.functions, *gather)
    outputs, height, width, channels = weights.shape
    name = f"packed_{height}x{width}x{channels}_to_{patches.pixels}x{outputs}"
    functions = (*functions, Function(name, _text(layer, kernels, patches, outputs)))
    call = f"{{f{len(functions) - 1}}}({names[0]}, {book}, {names[1]}, {{x}}, {{y}}, {{scratch}});"
    kernel = name if isa == "portable" else f"{isa} {name}"
    return Code(call, functions, (codebook(weights, book), *kernels.data), patches.packed_nbytes, kernel=kernel)


def _kernels(
    layer: Layer, params: ConvParams, patches: Patches, names: tuple[str, str], small: bool
) -> tuple[str, Kernels]:
    """The instruction set and its parts."""
    proven = applies(params.arithmetic, 0)
    if "mve" in layer.target.isas and proven:
        return "mve", mve_kernels(params.arithmetic, patches, names)
    if "dsp" in layer.target.isas and proven and _in_reach(params, patches):
        return "dsp", dsp_kernels(params.arithmetic, patches, names, small=small)
    return "portable", portable_kernels(params.arithmetic, patches, names, layer.node.name)


def _in_reach(params: ConvParams, patches: Patches) -> bool:
    """STRB reaches the outputs of all patches of a block."""
    result: bool = (patches.block - 1) * params.arithmetic.weights.shape[0] <= 4095
    return result


def _text(layer: Layer, kernels: Kernels, patches: Patches, outputs: int) -> str:
    gathered = not patches.direct
    place = _call(kernels.place, kernels, source="patch" if gathered else "x")
    if gathered:
        position = fill(_POSITION, patch_at=patches.packed_nbytes - patches.padded)
        out_width = whole(layer.output, 4, layer)[2]
        step = fill(_GATHERED, gather=f"@f{len(kernels.functions)}@", place=place, out_width=out_width)
    else:
        position, step = "", fill(_DIRECT, place=place, depth=patches.depth)
    setup = f"    {_call(kernels.setup, kernels)}\n" if kernels.setup else ""
    rest = indent(_call(kernels.rest, kernels)) if patches.pixels % kernels.count else ""
    return fill(
        _LAYER, self="@self@", channel=kernels.channel, start=f" + {kernels.start}" if kernels.start else "",
        setup=setup, position=position, pixels=patches.pixels, next=indent(step, 2), count=kernels.count,
        products=_call(kernels.products, kernels), block_outputs=kernels.count * outputs, rest=rest,
    )  # fmt: skip


def _call(text: str, kernels: Kernels, source: str = "") -> str:
    for place in range(len(kernels.functions)):
        text = text.replace(f"@p{place}@", f"@f{place}@")
    return text.replace("@from@", source)
