"""conv2d, depthwise_conv2d and fully_connected on int16 activations in C: int8 weights, 64-bit sums.

Sums that cannot leave 32 bits have as many. With working memory, a patch or a channel is copied there before its
outputs are written, which then may lie on it; without it (groups, large patches and planes) the image is read in place.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dsp.wide_requantize import in_32_bits
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, whole
from edgekit.deploy.c.patch_loop import BlockParts, patch_loop
from edgekit.deploy.c.plain_taps import plain_taps
from edgekit.deploy.c.text import array_lines, fill, indent
from edgekit.deploy.c.turned_plane import TurnedPlane
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import Accumulate, ConvParams, DepthwiseParams, FullyConnectedParams
from edgekit.graph.scratch import Patches

_STORE = "clamp16(rescale_wide(sum, c[o].multiplier, c[o].shift), @low@, @high@)"

_CONV = """\
static void @self@(const int8_t *w, const wide_channel *c, const int16_t *x, int16_t *y) {
    for (int32_t row = 0; row < @out_height@; row++) {
        for (int32_t column = 0; column < @out_width@; column++) {
            for (int32_t o = 0; o < @outputs@; o++) {
                int64_t sum = c[o].bias;
                for (int32_t i = 0; i < @kernel_height@; i++) {
                    const int32_t from_row = row * @stride_h@ - @top@ + i * @dilation_h@;
                    for (int32_t j = 0; j < @kernel_width@; j++) {
                        const int32_t from_column = column * @stride_w@ - @left@ + j * @dilation_w@;
                        if (from_row < 0 || from_row >= @height@ || from_column < 0 || from_column >= @width@) {
                            continue;
                        }
@products@                    }
                }
                *y++ = @store@;
            }
        }
    }
}
"""

_PATCH = """\
/* A patch of @depth@ values with all filters. */
static void @self@(const int16_t *patch, const int8_t *w, const wide_channel *c, int16_t *y) {
    for (int32_t o = 0; o < @outputs@; o++) {
        @sum@ sum = (@sum@)c[o].bias;
        for (int32_t k = 0; k < @depth@; k++) {
            sum += patch[k] * w[k];
        }
        w += @depth@;
        *y++ = @store@;
    }
}
"""

_PLANE = """\
static void @self@(const int8_t *w, const wide_channel *c, const int16_t *x, int16_t *y, int8_t *scratch) {
    int16_t *plane = (int16_t *)(void *)scratch;
    memset(plane, 0, @nbytes@);
    for (int32_t channels = 0; channels < @channels@; channels++) {
        for (int32_t i = 0; i < @rows@; i++) {
            for (int32_t j = 0; j < @columns@; j++) {
                plane[@first@ + i * @length@ + j] = x[i * @across@ + j * @along@];
            }
        }
        x++;
        for (int32_t m = 0; m < @multiplier@; m++) {
@taps@            w += @count@;
            c++;
            y++;
        }
    }
}
"""

_DENSE_PRODUCTS = """\
                        const int16_t *from = x + (from_row * @width@ + from_column) * @channels@ + @group@;
                        const int8_t *weight = w + ((o * @kernel_height@ + i) * @kernel_width@ + j) * @depth@;
                        for (int32_t k = 0; k < @depth@; k++) {
                            sum += from[k] * weight[k];
                        }
"""

_DEPTHWISE_PRODUCT = """\
                        const int16_t *from = x + (from_row * @width@ + from_column) * @channels@;
                        sum += from[o / @multiplier@] * w[(i * @kernel_width@ + j) * @outputs@ + o];
"""

_DENSE = """\
static void @self@(const int8_t *w, const wide_channel *c, const int16_t *x, int16_t *y) {
    for (int32_t row = 0; row < @rows@; row++) {
        for (int32_t o = 0; o < @outputs@; o++) {
            int64_t sum = c[o].bias;
            for (int32_t k = 0; k < @depth@; k++) {
                sum += x[row * @depth@ + k] * w[o * @depth@ + k];
            }
            *y++ = @store@;
        }
    }
}
"""


def emit_wide_conv2d(layer: Layer) -> Code:
    """conv2d: x int16 [1,H,W,C] to y int16 [1,Ho,Wo,O]; y may lie on x as the memory plan allows."""
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    if patches.wide_nbytes:
        return _patches(layer, params, patches)
    outputs, height, width, depth = params.arithmetic.weights.shape
    channels = whole(layer.inputs[0], 4, layer)[3]
    own = outputs // (channels // depth)
    group = "0" if own == outputs else f"o / {own} * {depth}"
    products = fill(
        _DENSE_PRODUCTS, width=layer.inputs[0].dims[2], channels=channels, group=group, kernel_height=height,
        kernel_width=width, depth=depth,
    )  # fmt: skip
    return _windows(layer, params, (height, width), products)


def emit_wide_depthwise(layer: Layer) -> Code:
    """depthwise_conv2d: x int16 [1,H,W,C] to y int16 [1,Ho,Wo,C·m]; y may lie on x as the memory plan allows."""
    params = cast(DepthwiseParams, layer.params)
    shape = TurnedPlane.of(layer)
    if shape.plane.whole:
        return _plane(layer, params, shape)
    _, height, width, outputs = params.arithmetic.weights.shape
    products = fill(
        _DEPTHWISE_PRODUCT, width=layer.inputs[0].dims[2], channels=layer.inputs[0].dims[3],
        multiplier=params.multiplier, kernel_width=width, outputs=outputs,
    )  # fmt: skip
    return _windows(layer, params, (height, width), products)


def emit_wide_dense(layer: Layer) -> Code:
    """fully_connected: x int16 [rows, K] to y int16 [rows, O]."""
    arithmetic = cast(FullyConnectedParams, layer.params).arithmetic
    outputs, depth = arithmetic.weights.shape
    rows = layer.output.elements // outputs
    text = fill(_DENSE, self="@self@", rows=rows, outputs=outputs, depth=depth, store=_store(arithmetic))
    return _weighted(layer, arithmetic, Function(f"dense_wide_{rows}x{depth}_to_{outputs}", text))


def _patches(layer: Layer, params: ConvParams, patches: Patches) -> Code:
    """One gathered patch after the other."""
    arithmetic = params.arithmetic
    outputs = arithmetic.weights.shape[0]
    text = fill(
        _PATCH, self="@self@", depth=patches.depth, outputs=outputs, sum=_sum_type(arithmetic, 0),
        store=_store(arithmetic),
    )  # fmt: skip
    parts = BlockParts(
        functions=(Function(f"patch_wide_{patches.depth}_to_{outputs}", text),), count=1, weight="int8_t",
        channel="wide_channel", begin="", place=f"memcpy(scratch, @from@, {2 * patches.depth});",
        products="@p0@((const int16_t *)(void *)scratch, w, c, (int16_t *)(void *)y);\n", gathered="scratch",
        placed=True,
    )  # fmt: skip
    functions = patch_loop(layer, params, patches, parts)
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, arithmetic.weights), _channels(table, arithmetic))
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, patches.wide_nbytes, kernel=functions[-1].name)


def _plane(layer: Layer, params: DepthwiseParams, shape: TurnedPlane) -> Code:
    """One channel after the other, gathered into a plane with its border."""
    arithmetic, (rows, columns), (_, length), before = params.arithmetic, shape.kept, shape.plane.wide, shape.before
    value = _store(arithmetic).replace("sum", "s").replace("c[o].", "c->")
    taps = plain_taps(shape, f"({_sum_type(arithmetic, 3)})c->bias", value, _sum_type(arithmetic, 3))
    text = fill(
        _PLANE, self="@self@", nbytes=shape.plane.nbytes, channels=shape.channels, rows=rows, columns=columns,
        first=before[0] * length + before[1], length=length, across=shape.inputs[0], along=shape.inputs[1],
        multiplier=params.multiplier, taps=indent(taps, 3), count=shape.kernel[0] * shape.kernel[1],
    )  # fmt: skip
    weights, table, kind = f"weights_{layer.index}", f"channels_{layer.index}", element(layer.output)
    by_channel = np.moveaxis(arithmetic.weights[0], 2, 0)  # [C·m, kh, kw]: a filter's taps lie together
    data = (int8_array(weights, by_channel), _channels(table, arithmetic))
    kernel, out = shape.plane.kernel, f"{shape.plane.out_height}x{shape.plane.out_width}x{shape.plane.channels}"
    function = Function(f"depthwise_conv2d_wide_{kernel[0]}x{kernel[1]}_to_{out}", text)
    call = f"{{f0}}({weights}, {table}, {argument(kind, '{x}')}, {argument(kind, '{y}')}, {{scratch}});"
    return Code(call, (function,), data, shape.plane.nbytes, kernel=function.name)


def _sum_type(arithmetic: Accumulate, channel_axis: int) -> str:
    return "int32_t" if in_32_bits(arithmetic, channel_axis) else "int64_t"


def _windows(layer: Layer, params: ConvParams | DepthwiseParams, kernel: tuple[int, int], products: str) -> Code:
    _, height, width, _ = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, outputs = whole(layer.output, 4, layer)
    text = fill(
        _CONV, self="@self@", out_height=out_height, out_width=out_width, outputs=outputs, kernel_height=kernel[0],
        kernel_width=kernel[1], stride_h=params.stride[0], stride_w=params.stride[1], top=params.pad[0][0],
        left=params.pad[1][0], dilation_h=params.dilation[0], dilation_w=params.dilation[1], height=height,
        width=width, products=products, store=_store(params.arithmetic),
    )  # fmt: skip
    shape = f"{kernel[0]}x{kernel[1]}_to_{out_height}x{out_width}x{outputs}"
    return _weighted(layer, params.arithmetic, Function(f"{layer.node.op}_wide_{shape}", text))


def _store(arithmetic: Accumulate) -> str:
    return fill(_STORE, low=paren(arithmetic.clamp.low), high=paren(arithmetic.clamp.high))


def _weighted(layer: Layer, arithmetic: Accumulate, function: Function) -> Code:
    weights, table, kind = f"weights_{layer.index}", f"channels_{layer.index}", element(layer.output)
    data = (int8_array(weights, arithmetic.weights), _channels(table, arithmetic))
    call = f"{{f0}}({weights}, {table}, {argument(kind, '{x}')}, {argument(kind, '{y}')});"
    return Code(call, (function,), data, kernel=function.name)


def _channels(name: str, arithmetic: Accumulate) -> str:
    """Definition of a layer's ``wide_channel`` array: 64-bit bias, multiplier, shift a row."""
    columns = (arithmetic.bias.astype(np.int64), arithmetic.multiplier, arithmetic.shift)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    cells = [f"{{INT64_C({bias}), {multiplier}, {shift}}}" for bias, multiplier, shift in rows]
    return f"static const wide_channel {name}[{len(cells)}] = {{\n{array_lines(cells)}\n}};\n"
