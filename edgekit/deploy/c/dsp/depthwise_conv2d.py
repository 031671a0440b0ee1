"""depthwise_conv2d with DSP instructions: a channel at a time, two outputs at a time.

The channel is gathered into a plane of int16 whose border holds the zero point (plane_gather.py). Its rows lie along
the axis in which pairs of outputs waste least (scratch.Plane), and every filter of the channel passes over it
(depthwise_channel.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp import channels
from edgekit.deploy.c.dsp.depthwise_channel import WEIGHTS, PairPlane, channel_text
from edgekit.deploy.c.dsp.ending import applies
from edgekit.deploy.c.dsp.plane_gather import gather_loop
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import DepthwiseParams

STORE_REACH = 4095
"""Largest offset of STRB and STRH, in bytes."""
LDRD_REACH = 1020
"""Largest offset of LDRD, in bytes."""

_DEPTHWISE = """\
static void @self@(const int8_t *w, const uint8_t *c, const @kind@ *x, @kind@ *y, int8_t *scratch) {
    const int16_t border = @zero@;
    for (int32_t i = 0; i < @plane@; i++) {
        memcpy(scratch + 2 * i, &border, sizeof border);
    }
    for (const uint8_t *end = c + @rows_bytes@; c < end;) {
        const @kind@ *in = x++;
@gather@        for (int32_t m = 0; m < @multiplier@; m++) {
            @f0@(scratch, y, c, w);
            c += @row_bytes@;
            y++;
            w += @taps@;
        }
    }
}
"""


def fits(layer: Layer) -> bool:
    """Whole plane that holds some of the image, weights in registers, offsets in reach, requantization proven."""
    params = cast(DepthwiseParams, layer.params)
    shape = PairPlane.of(layer)
    if not shape.plane.whole or min(shape.kept) == 0 or shape.dilation[1] != 1 or not applies(params.arithmetic, 3):
        return False
    reach = (shape.rows - 1) * shape.tap_row_bytes + 4 * shape.row.words
    return (
        shape.rows * len(shape.row.pairs) <= len(WEIGHTS)
        and reach <= LDRD_REACH
        and shape.output_bytes[1] <= STORE_REACH
    )


def fits_unrolled(layer: Layer) -> bool:
    """Rows of an even number of pairs, both in reach."""
    if not fits(layer):
        return False
    shape = PairPlane.of(layer)
    pairs = shape.results[1] // 2
    reach = (shape.rows - 1) * shape.tap_row_bytes + 4 * shape.row.words + shape.advance
    return pairs % 2 == 0 and pairs > 0 and reach <= LDRD_REACH and 3 * shape.output_bytes[1] <= STORE_REACH


def pairs_of(layer: Layer) -> int:
    """Pairs of outputs of all channels, those of one output at a row's end left out."""
    shape = PairPlane.of(layer)
    across, along = shape.results
    return across * (along // 2) * shape.plane.channels


def emitter(unroll: int) -> Callable[[Layer], Code]:
    """An emitter of depthwise_conv2d: x [1,H,W,C] to y [1,Ho,Wo,C·m], both int8 or both int16; correct for y on x where
    m is 1.

    Args:
        unroll: pairs of outputs between two branches.
    """
    return lambda layer: _emit(layer, unroll)


def _emit(layer: Layer, unroll: int) -> Code:
    shape, arithmetic = PairPlane.of(layer), cast(DepthwiseParams, layer.params).arithmetic
    by_channel = np.moveaxis(arithmetic.weights[0], 2, 0)  # [C·m, kh, kw]: a filter's taps lie together
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, by_channel), channels.byte_table(table, [], shape.ending.rows()))
    kernel, out = shape.plane.kernel, f"{shape.plane.out_height}x{shape.plane.out_width}x{shape.plane.channels}"
    size = f"{kernel[0]}x{kernel[1]}_of_{shape.height}x{shape.width}x{shape.channels}_to_{out}"
    kind = element(layer.output)
    channel = Function(f"taps{kind.suffix}_{kernel[0]}x{kernel[1]}_to_{out}", channel_text(shape, unroll))
    functions = (channel, Function(f"depthwise{kind.suffix}_{size}", _text(shape, unroll)))
    call = f"{{f1}}({weights}, {table}, {argument(kind, '{x}')}, {argument(kind, '{y}')}, {{scratch}});"
    return Code(call, functions, data, shape.plane.nbytes, kernel=f"dsp {functions[-1].name}")


def _text(shape: PairPlane, unroll: int) -> str:
    params, row = shape.params, shape.ending.row_bytes
    return fill(
        _DEPTHWISE, self="@self@", f0="@f0@", zero=paren(params.arithmetic.input_zero_point),
        plane=shape.plane.wide[0] * shape.plane.wide[1], rows_bytes=row * shape.plane.channels, row_bytes=row,
        multiplier=params.multiplier, taps=shape.kernel[0] * shape.kernel[1],
        gather=indent(gather_loop(shape, several_rows=unroll > 1), 2), kind=shape.ending.kind,
    )  # fmt: skip
