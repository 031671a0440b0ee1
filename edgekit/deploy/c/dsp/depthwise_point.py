"""depthwise_conv2d with one output position, as a hop of a stream has it, on cores with DSP instructions.

Nothing is gathered: a channel's taps lie at constant offsets of the image, and its weights beside those of its
neighbours. What is spent on planes for many outputs would be wasted on one.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.dsp.requantize import applies, finish, packed_table, zero_line
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import DepthwiseParams

TAPS = 32
"""Filters of up to this many taps are straight code."""
LOAD_REACH = 4095
"""Largest offset of LDRSB, in bytes."""

_POINT = """\
static void @self@(const int8_t *w, const dsp_channel *c, const int8_t *x, int8_t *y) {
    for (const dsp_channel *end = c + @channels@; c < end; c++) {
        const int32_t packed = c->bias_shift;
        const int32_t multiplier = c->multiplier;
        @zero@        int32_t sum = packed >> 8;
@taps@        *y++ = @value@;
        x++;
        w++;
    }
}
"""


def fits(layer: Layer) -> bool:
    """One output position whose taps all lie in the image, few of them and in reach, requantization proven."""
    params = cast(DepthwiseParams, layer.params)
    _, out_height, out_width, channels = layer.output.dims
    taps = int(np.prod(params.arithmetic.weights.shape[1:3]))
    return (
        (out_height, out_width, params.multiplier) == (1, 1, 1)
        and not np.any(params.pad)
        and taps <= TAPS
        and max(_places(layer)[-1], taps * channels) <= LOAD_REACH
        and applies(params.arithmetic, 3)
    )


def emit_depthwise_point(layer: Layer) -> Code:
    """depthwise_conv2d: x int8 [1,H,W,C] to y int8 [1,1,1,C]."""
    params = cast(DepthwiseParams, layer.params)
    channels = layer.output.dims[3]
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, params.arithmetic.weights), packed_table(table, params.arithmetic))
    taps = "".join(f"        sum += x[{at}] * w[{i * channels}];\n" for i, at in enumerate(_places(layer)))
    text = fill(
        _POINT, self="@self@", channels=channels, zero=zero_line(params.arithmetic, "packed"), taps=taps,
        value=finish(params.arithmetic, "sum * 2", "packed", "multiplier"),
    )  # fmt: skip
    _, height, width, _ = params.arithmetic.weights.shape
    name = f"depthwise_point_{height}x{width}x{channels}"
    call = f"{{f0}}({weights}, {table}, {{x}}, {{y}});"
    return Code(call, (Function(name, text),), data, kernel=f"dsp {name}")


def _places(layer: Layer) -> list[int]:
    """Bytes from the image's first to each tap's first channel."""
    params = cast(DepthwiseParams, layer.params)
    _, _, width, channels = layer.inputs[0].dims
    _, kernel_h, kernel_w, _ = params.arithmetic.weights.shape
    down, across = params.dilation
    return [(i * down * width + j * across) * channels for i in range(kernel_h) for j in range(kernel_w)]
