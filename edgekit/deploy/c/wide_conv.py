"""conv2d, depthwise_conv2d and fully_connected on int16 activations in C: int8 weights, 64-bit sums."""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, whole
from edgekit.deploy.c.text import array_lines, fill
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import Accumulate, ConvParams, DepthwiseParams, FullyConnectedParams

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
    """conv2d: x int16 [1,H,W,C] to y int16 [1,Ho,Wo,O], padding skipped."""
    params = cast(ConvParams, layer.params)
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
    """depthwise_conv2d: x int16 [1,H,W,C] to y int16 [1,Ho,Wo,C·m], padding skipped."""
    params = cast(DepthwiseParams, layer.params)
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
