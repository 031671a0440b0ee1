"""avg_pool2d with DSP instructions or MVE: sums of int16, two channels a word (SXTAB16) or eight a vector.

Up to 255 values fit 16 bits. Windows that hang over the edge, where the count changes, are left to portable C.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import PoolParams

Isa = Literal["dsp", "mve"]
MOST = 255
"""Values of a window whose sum fits 16 bits."""

_PAIRS = """\
uint32_t even = 0;
uint32_t odd = 0;
for (int32_t i = 0; i < @rows@; i++) {
    for (int32_t j = 0; j < @values@; j++) {
        const uint32_t word = dsp_word(from);
        even = dsp_plus_even(even, word);
        odd = dsp_plus_odd(odd, word);
        from += @channels@;
    }
    from += @row_rest@;
}
const uint32_t sums[4] = {even, odd, even >> 16, odd >> 16};
"""

_VECTORS = """\
int16_t sums[8] = {0};
#if defined(__ARM_FEATURE_MVE)
const int32x4_t none = vdupq_n_s32(0);
int16x8_t total = vreinterpretq_s16_s32(none);
#endif
for (int32_t i = 0; i < @rows@; i++) {
    for (int32_t j = 0; j < @values@; j++) {
#if defined(__ARM_FEATURE_MVE)
        total = vaddq_s16(total, vldrbq_s16(from));
#else
        for (int32_t k = 0; k < 8; k++) {
            sums[k] = (int16_t)(sums[k] + from[k]);
        }
#endif
        from += @channels@;
    }
    from += @row_rest@;
}
#if defined(__ARM_FEATURE_MVE)
vstrhq_s16(sums, total);
#endif
"""

_SUMS = {"dsp": (4, _PAIRS), "mve": (8, _VECTORS)}
"""Instruction set to channels at a time, and their sums."""

_POOL = """\
static void @self@(const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @out_height@; row++) {
        for (int32_t column = 0; column < @out_width@; column++) {
            const int8_t *window = x + (row * @stride_h@ * @width@ + column * @stride_w@) * @channels@;
            for (int32_t channel_in = 0; channel_in < @channels@; channel_in += @lanes@) {
                const int8_t *from = window + channel_in;
@sums@                for (int32_t k = 0; k < @lanes@; k++) {
                    const int32_t sum = (int16_t)sums[k];
                    const int32_t value = sum > 0 ? (sum + @half@) / @count@ : (sum - @half@) / @count@;
                    *y++ = clamp(value, @low@, @high@);
                }
            }
        }
    }
}
"""


def fits(isa: Isa) -> Callable[[Layer], bool]:
    """A test: no overhang, channels in whole groups, sums in 16 bits."""
    return lambda layer: _fits(layer, _SUMS[isa][0])


def _fits(layer: Layer, lanes: int) -> bool:
    params = cast(PoolParams, layer.params)
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    inside = (
        params.pad[0][0] == params.pad[1][0] == 0
        and (out_height - 1) * params.stride[0] + params.window[0] <= height
        and (out_width - 1) * params.stride[1] + params.window[1] <= width
    )
    return inside and channels % lanes == 0 and params.window[0] * params.window[1] <= MOST


def emitter(isa: Isa) -> Callable[[Layer], Code]:
    """An emitter of avg_pool2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,C]; the mean is rounded, halves away from zero."""
    return lambda layer: _emit(layer, isa)


def _emit(layer: Layer, isa: Isa) -> Code:
    params = cast(PoolParams, layer.params)
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    (lanes, template), (window_h, window_w) = _SUMS[isa], params.window
    count = window_h * window_w
    rows, values = (1, count) if window_w == width else (window_h, window_w)  # whole rows lie behind each other
    sums = fill(template, rows=rows, values=values, channels=channels, row_rest=(width - window_w) * channels)
    text = fill(
        _POOL, self="@self@", out_height=out_height, out_width=out_width, stride_h=params.stride[0], width=width,
        stride_w=params.stride[1], channels=channels, lanes=lanes, sums=indent(sums, 4), count=count, half=count // 2,
        low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    function = Function(f"avg_pool_{window_h}x{window_w}_of_{height}x{width}x{channels}_by_{lanes}", text)
    return Code("{f0}({x}, {y});", (function,), kernel=f"{isa} {function.name}")
