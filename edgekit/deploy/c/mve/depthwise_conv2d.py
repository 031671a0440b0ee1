"""depthwise_conv2d with MVE: a channel at a time, four outputs at a time.

The channel is gathered into a plane of int16 whose border holds the zero point (plane_gather.py), rows along the axis
in which vectors of four waste least of what scratch.Plane offers. Then several rows of outputs are computed at a time,
in assembly where it can be (depthwise_rows.py), else in intrinsics (depthwise_vectors.py).
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp.assembly import function
from edgekit.deploy.c.dsp.ending import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.mve import depthwise_rows
from edgekit.deploy.c.mve.depthwise_vectors import vector_taps
from edgekit.deploy.c.mve.plane_gather import MOST_STEP, gather
from edgekit.deploy.c.mve.requantize import finish_one
from edgekit.deploy.c.mve.requantize import table as channels
from edgekit.deploy.c.plain_taps import plain_taps
from edgekit.deploy.c.text import fill
from edgekit.deploy.c.turned_plane import TurnedPlane
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import DepthwiseParams

_LAYER = """\
static void @self@(const int8_t *w, const mve_channel *c, const @kind@ *x, @kind@ *y, int8_t *scratch) {
    int16_t *plane = (int16_t *)(void *)scratch;
    for (int32_t i = 0; i < @size@; i++) {
        plane[i] = @zero@;
    }
    for (int32_t channels = 0; channels < @channels@; channels++) {
        @f0@(x, plane + @first@);
        x++;
        for (int32_t m = 0; m < @multiplier@; m++) {
            @f1@(plane, w, c, y);
            w += @taps@;
            c++;
            y++;
        }
    }
}
"""


def fits(layer: Layer) -> bool:
    """Whole plane, offsets of the gathering load in 16 bits, requantization proven (as for DSP)."""
    params, shape = cast(DepthwiseParams, layer.params), TurnedPlane.of(layer)
    return shape.plane.whole and shape.inputs[1] * shape.element <= MOST_STEP and applies(params.arithmetic, 3)


def emit_depthwise_conv2d(layer: Layer) -> Code:
    """depthwise_conv2d: x [1,H,W,C] to y [1,Ho,Wo,C·m], both int8 or int16, correct for y on x where m is 1."""
    shape, arithmetic = TurnedPlane.of(layer), cast(DepthwiseParams, layer.params).arithmetic
    by_channel = np.moveaxis(arithmetic.weights[0], 2, 0)  # [C·m, kh, kw]: a filter's taps lie together
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, by_channel), channels(table, arithmetic, 3))
    kernel, out = shape.plane.kernel, f"{shape.plane.out_height}x{shape.plane.out_width}"
    size = f"{kernel[0]}x{kernel[1]}_of_{shape.height}x{shape.width}x{shape.channels}_to_{out}"
    suffix = element(layer.output).suffix
    functions = (
        Function(f"gather{suffix}_{shape.height}x{shape.width}x{shape.channels}", gather(shape)),
        Function(f"taps{suffix}_{kernel[0]}x{kernel[1]}_to_{out}x{shape.plane.channels}", _taps(shape)),
        Function(f"depthwise{suffix}_{size}", _layer(shape)),
    )
    kind = element(layer.output)
    call = f"{{f2}}({weights}, {table}, {argument(kind, '{x}')}, {argument(kind, '{y}')}, {{scratch}});"
    return Code(call, functions, data, shape.plane.nbytes, kernel=f"mve {functions[-1].name}")


def _layer(shape: TurnedPlane) -> str:
    params, (rows, length), before = shape.params, shape.plane.wide, shape.before
    return fill(
        _LAYER, self="@self@", f0="@f0@", f1="@f1@", size=rows * length, channels=shape.channels,
        zero=paren(params.arithmetic.input_zero_point), multiplier=params.multiplier,
        first=before[0] * length + before[1], taps=shape.kernel[0] * shape.kernel[1], kind=shape.kind,
    )  # fmt: skip


def _taps(shape: TurnedPlane) -> str:
    """``(plane, w, c, y)``: in assembly where it can be, else in intrinsics."""
    twin = plain_taps(shape, "c->bias", finish_one(shape.params.arithmetic))
    if not depthwise_rows.fits(shape):
        return vector_taps(shape, twin)
    parameters = ("const int16_t *plane", "const int8_t *w", "const mve_channel *c", f"{shape.kind} *y")
    lines = depthwise_rows.row_lines(shape)
    return function("One channel's plane with one filter.", parameters, lines, twin, "MVE")
