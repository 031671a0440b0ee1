"""depthwise_conv2d with NEON: a channel at a time, four outputs of a row of its int16 plane at a time.

The plane's border holds the zero point; its rows lie along the axis that scratch.Plane chooses. The last four outputs
of a row begin early and write again what the ones before them wrote.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.neon.requantize import finish, finish_one
from edgekit.deploy.c.neon.requantize import table as channels
from edgekit.deploy.c.plain_taps import plain_taps
from edgekit.deploy.c.text import fill, indent, text_of
from edgekit.deploy.c.turned_plane import TurnedPlane
from edgekit.graph.integer.params import DepthwiseParams

LANES = 4

_LAYER = """\
static void @self@(const int8_t *w, const int32_t *c, const int8_t *x, int8_t *y, int8_t *scratch) {
    int16_t *plane = (int16_t *)(void *)scratch;
    for (int32_t i = 0; i < @size@; i++) {
        plane[i] = @zero@;
    }
    for (int32_t channel_in = 0; channel_in < @channels@; channel_in++) {
        for (int32_t i = 0; i < @rows@; i++) {
            const int8_t *from = x + i * @across_step@;
            int16_t *to = plane + @first@ + i * @length@;
            for (int32_t j = 0; j < @count@; j++) {
                to[j] = from[j * @along_step@];
            }
        }
        x++;
        for (int32_t m = 0; m < @multiplier@; m++) {
            @f0@(plane, w, c, y);
            w += @taps@;
            c++;
            y++;
        }
    }
}
"""

_TAPS = """\
/* One channel's plane with one filter. */
static void @self@(const int16_t *plane, const int8_t *w, const int32_t *c, int8_t *y) {
    const int32_t bias = c[0];
    const int32_t factor = c[@outputs@];
    const int32_t power = c[2 * @outputs@];
#if defined(__ARM_NEON)
    const int32x4_t factors = vdupq_n_s32(factor);
    const int32x4_t powers = vdupq_n_s32(power);
@weights@    for (int32_t i = 0; i < @across@; i++) {
        for (int32_t n = 0; n < @along@; n += @lanes@) {
            const int32_t j = n < @last@ ? n : @last@;
            const int16_t *from = plane + j * @stride@;
            int8_t *to = y + j * @step@;
            int32x4_t v = vdupq_n_s32(bias);
@products@@finish@            to[0] = (int8_t)vgetq_lane_s32(v, 0);
            to[@step@] = (int8_t)vgetq_lane_s32(v, 1);
            to[2 * @step@] = (int8_t)vgetq_lane_s32(v, 2);
            to[3 * @step@] = (int8_t)vgetq_lane_s32(v, 3);
        }
        plane += @row@;
        y += @across_step@;
    }
#else
@plain@#endif
}
"""


def fits(layer: Layer) -> bool:
    """Whole plane, rows of four outputs or more, requantization proven (as for DSP)."""
    shape = TurnedPlane.of(layer)
    arithmetic = cast(DepthwiseParams, layer.params).arithmetic
    return shape.plane.whole and shape.results[1] >= LANES and applies(arithmetic, 3)


def emit_depthwise_conv2d(layer: Layer) -> Code:
    """depthwise_conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,C·m], correct for y on x where m is 1."""
    shape, arithmetic = TurnedPlane.of(layer), cast(DepthwiseParams, layer.params).arithmetic
    by_channel = np.moveaxis(arithmetic.weights[0], 2, 0)  # [C·m, kh, kw]: a filter's taps lie together
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, by_channel), channels(table, arithmetic))
    kernel, out = shape.plane.kernel, f"{shape.plane.out_height}x{shape.plane.out_width}"
    functions = (
        Function(f"taps_{kernel[0]}x{kernel[1]}_to_{out}x{shape.plane.channels}", _taps(shape)),
        Function(
            f"depthwise_{kernel[0]}x{kernel[1]}_of_{shape.height}x{shape.width}x{shape.channels}_to_{out}",
            _layer(shape),
        ),
    )
    call = f"{{f1}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, shape.plane.nbytes, kernel=f"neon {functions[-1].name}")


def _layer(shape: TurnedPlane) -> str:
    params, (rows, length), before, kept = shape.params, shape.plane.wide, shape.before, shape.kept
    return fill(
        _LAYER, self="@self@", f0="@f0@", size=rows * length, length=length, rows=kept[0], count=kept[1],
        zero=paren(params.arithmetic.input_zero_point), channels=shape.channels, multiplier=params.multiplier,
        across_step=shape.inputs[0], along_step=shape.inputs[1], first=before[0] * length + before[1],
        taps=shape.plane.kernel[0] * shape.plane.kernel[1],
    )  # fmt: skip


def _taps(shape: TurnedPlane) -> str:
    arithmetic, (across, along) = shape.params.arithmetic, shape.results
    products = [
        f"v = vmlal_n_s16(v, {_load(place, shape.stride[1])}, w{weight});"
        for place, read in shape.products(rows=1).items()
        for _, weight in read
    ]
    weights = [f"const int16_t w{place} = w[{place}];" for place in range(shape.kernel[0] * shape.kernel[1])]
    return fill(
        _TAPS, self="@self@", outputs=shape.plane.channels, weights=text_of(weights, 1), products=text_of(products, 3),
        finish=text_of(finish(arithmetic, "v", "factors", "powers"), 3), lanes=LANES, last=along - LANES,
        across=across, along=along, step=shape.outputs[1], across_step=shape.outputs[0],
        row=shape.stride[0] * shape.plane.wide[1], stride=shape.stride[1],
        plain=indent(plain_taps(shape, "bias", finish_one(arithmetic, "s", "factor", "power"))),
    )  # fmt: skip


def _load(place: int, stride: int) -> str:
    """Four values, ``stride`` apart; a widening load of pairs would read past the plane's end."""
    if stride == 1:
        return f"vld1_s16(from + {place})"
    return "((int16x4_t){" + ", ".join(f"from[{place + lane * stride}]" for lane in range(LANES)) + "})"
