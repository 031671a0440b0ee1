"""avg_pool2d with DSP instructions: four channels at a time, sums of int16 pairs.

Two channels a word are summed (SXTAB16); up to 255 values fit 16 bits. Windows that hang over the edge, where the count
changes, are left to portable C.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import PoolParams

MOST = 255
"""Values of a window whose sum fits 16 bits."""

_POOL = """\
static void @self@(const int8_t *x, int8_t *y) {
    for (int32_t row = 0; row < @out_height@; row++) {
        for (int32_t column = 0; column < @out_width@; column++) {
            const int8_t *window = x + (row * @stride_h@ * @width@ + column * @stride_w@) * @channels@;
            for (int32_t channel_in = 0; channel_in < @channels@; channel_in += 4) {
                const int8_t *from = window + channel_in;
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
                for (int32_t k = 0; k < 4; k++) {
                    const int32_t sum = (int16_t)sums[k];
                    const int32_t value = sum > 0 ? (sum + @half@) / @count@ : (sum - @half@) / @count@;
                    *y++ = clamp(value, @low@, @high@);
                }
            }
        }
    }
}
"""


def fits(layer: Layer) -> bool:
    """No overhang, channels in fours, sums in 16 bits."""
    params = cast(PoolParams, layer.params)
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    inside = (
        params.pad[0][0] == params.pad[1][0] == 0
        and (out_height - 1) * params.stride[0] + params.window[0] <= height
        and (out_width - 1) * params.stride[1] + params.window[1] <= width
    )
    return inside and channels % 4 == 0 and params.window[0] * params.window[1] <= MOST


def emit_avg_pool2d(layer: Layer) -> Code:
    """avg_pool2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,C]; the mean is rounded, halves away from zero."""
    params = cast(PoolParams, layer.params)
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    count = params.window[0] * params.window[1]
    rows, values = (1, count) if params.window[1] == width else params.window  # whole rows lie behind each other
    text = fill(
        _POOL, self="@self@", out_height=out_height, out_width=out_width, stride_h=params.stride[0], width=width,
        stride_w=params.stride[1], channels=channels, rows=rows, values=values,
        row_rest=(width - params.window[1]) * channels, count=count, half=count // 2, low=paren(params.clamp.low),
        high=paren(params.clamp.high),
    )  # fmt: skip
    function = Function(f"avg_pool_{params.window[0]}x{params.window[1]}_of_{height}x{width}x{channels}_by_four", text)
    return Code("{f0}({x}, {y});", (function,), kernel=f"dsp {function.name}")
