"""depthwise_conv2d with MVE: a channel at a time, four outputs at a time.

The channel is gathered into a plane of int16 whose border holds the zero point, rows along the axis in which vectors of
four waste least of what scratch.Plane offers. Output rows are computed several at a time: a widening load of four
inputs serves every tap that reads them, and a tap is one multiply-accumulate for four outputs. The last vector of a row
begins early and writes again what the one before it wrote.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dsp.assembly import constant, function
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array
from edgekit.deploy.c.mve import depthwise_rows
from edgekit.deploy.c.mve.lines import add
from edgekit.deploy.c.mve.requantize import finish, finish_one
from edgekit.deploy.c.mve.requantize import table as channels
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.turned_plane import TurnedPlane
from edgekit.graph.integer.params import DepthwiseParams

LANES = 4
ROWS = 5
"""Output rows at a time: their sums stay in vector registers."""
GATHERED = 8
"""Values that one gathering load takes, with offsets of 16 bits."""
STRAIGHT = 8
"""Vectors of a row up to which gathering is straight code."""
_MAX_STEP = 0xFFFF // (GATHERED - 1)

_LAYER = """\
static void @self@(const int8_t *w, const mve_channel *c, const int8_t *x, int8_t *y, int8_t *scratch) {
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

_GATHER = """\
for (int32_t i = 0; i < @rows@; i++) {
    for (int32_t j = 0; j < @count@; j++) {
        to[i * @length@ + j] = from[i * @across_step@ + j * @step@];
    }
}
"""

_TAPS = """\
/* One channel's plane with one filter. */
static void @self@(const int16_t *plane, const int8_t *w, const mve_channel *c, int8_t *y) {
#if defined(__ARM_FEATURE_MVE)
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), @step@);
    const int32_t bias = c->bias;
    const int32_t factor = c->multiplier;
    const int32_t power = c->power;
@constants@@groups@#else
@twin@#endif
}
"""

_TWIN = """\
for (int32_t i = 0; i < @across@; i++) {
    for (int32_t j = 0; j < @along@; j++) {
        int32_t s = c->bias;
        for (int32_t k = 0; k < @tap_rows@; k++) {
            for (int32_t t = 0; t < @tap_columns@; t++) {
                s += plane[i * @row@ + j * @stride@ + k * @tap_row@ + t * @tap@] * w[k * @w_row@ + t * @w_tap@];
            }
        }
        y[i * @across_step@ + j * @step@] = @value@;
    }
}
"""

_GROUP = """\
for (int32_t i = 0; i < @times@; i++) {
    for (int32_t n = 0; n < @along@; n += @lanes@) {
        const int32_t j = n < @last@ ? n : @last@;
        const int16_t *from = plane + j@stride@;
        int8_t *to = y + j * @step@;
@vectors@    }
    plane += @rows@ * @row@;
    y += @rows@ * @across_step@;
}
"""


def fits(layer: Layer) -> bool:
    """Whole plane, offsets of the gathering load in 16 bits, requantization proven (as for DSP)."""
    params, shape = cast(DepthwiseParams, layer.params), TurnedPlane.of(layer)
    return shape.plane.whole and shape.inputs[1] <= _MAX_STEP and applies(params.arithmetic, 3)


def emit_depthwise_conv2d(layer: Layer) -> Code:
    """depthwise_conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,C·m], correct for y on x where m is 1."""
    shape, arithmetic = TurnedPlane.of(layer), cast(DepthwiseParams, layer.params).arithmetic
    by_channel = np.moveaxis(arithmetic.weights[0], 2, 0)  # [C·m, kh, kw]: a filter's taps lie together
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, by_channel), channels(table, arithmetic))
    kernel, out = shape.plane.kernel, f"{shape.plane.out_height}x{shape.plane.out_width}"
    size = f"{kernel[0]}x{kernel[1]}_of_{shape.height}x{shape.width}x{shape.channels}_to_{out}"
    functions = (
        Function(f"gather_{shape.height}x{shape.width}x{shape.channels}", _gather(shape)),
        Function(f"taps_{kernel[0]}x{kernel[1]}_to_{out}x{shape.plane.channels}", _taps(shape)),
        Function(f"depthwise_{size}", _layer(shape)),
    )
    call = f"{{f2}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, shape.plane.nbytes, kernel=f"mve {functions[-1].name}")


def _kept(shape: TurnedPlane) -> tuple[int, int]:
    """Inputs that lie inside the plane, (across, along)."""
    (top, _), (left, _) = shape.params.pad
    before, room = shape.turned((top, left)), shape.plane.wide
    sizes = shape.turned((shape.height, shape.width))
    return max(0, min(sizes[0], room[0] - before[0])), max(0, min(sizes[1], room[1] - before[1]))


def _layer(shape: TurnedPlane) -> str:
    params, (rows, length) = shape.params, shape.plane.wide
    (top, _), (left, _) = params.pad
    before = shape.turned((top, left))
    return fill(
        _LAYER, self="@self@", f0="@f0@", f1="@f1@", size=rows * length, channels=shape.channels,
        zero=paren(params.arithmetic.input_zero_point), multiplier=params.multiplier,
        first=before[0] * length + before[1],
        taps=shape.plane.kernel[0] * shape.plane.kernel[1],
    )  # fmt: skip


def _gather(shape: TurnedPlane) -> str:
    """``(from, to)``: a channel of the image into its plane."""
    rows, count = _kept(shape)
    twin = fill(
        _GATHER, rows=rows, count=count, length=shape.plane.wide[1], across_step=shape.inputs[0], step=shape.inputs[1]
    )
    comment = f"A channel: {rows} rows of {count} values, widened to int16."
    return function(comment, ("const int8_t *from", "int16_t *to"), _gather_lines(shape), twin, "MVE")


def _gather_lines(shape: TurnedPlane) -> list[str]:
    """Image r0, plane r1, rows r2, values r3, their number r4 and lr, places q0, values q1."""
    rows, count = _kept(shape)
    if not rows or not count:
        return ["bx lr"]
    vectors = -(-count // GATHERED)
    taken = ["vldrb.s16 q1, [r3, q0]", "vstrh.16 q1, [r1], #16", *add("r3", GATHERED * shape.inputs[1])]
    if vectors <= STRAIGHT:
        tail = ["vctp.16 r4", "vpstt", "vldrbt.s16 q1, [r3, q0]", "vstrht.16 q1, [r1], #16"]
        if count % GATHERED == 1:
            tail = ["ldrsb ip, [r3]", "strh ip, [r1], #16"]
        row = [*taken * (count // GATHERED), *(tail if count % GATHERED else [])]
    else:
        row = ["mov lr, r4", "dlstp.16 lr, lr", "2:", *taken, "letp lr, 2b"]
    return [
        "push {r4, lr}", "mov r4, #0", "vidup.u16 q0, r4, #1", *constant("r4", shape.inputs[1]), "vmul.i16 q0, q0, r4",
        *constant("r2", rows), *constant("r4", count if vectors > STRAIGHT else count % GATHERED),
        "1:", "mov r3, r0", *row, *add("r0", shape.inputs[0]),
        *add("r1", 2 * (shape.plane.wide[1] - vectors * GATHERED)), "subs r2, r2, #1", "bne 1b", "pop {r4, pc}",
    ]  # fmt: skip


def _taps(shape: TurnedPlane) -> str:
    """``(plane, w, c, y)``: in assembly where it can be, else in intrinsics."""
    if depthwise_rows.fits(shape):
        parameters = ("const int16_t *plane", "const int8_t *w", "const mve_channel *c", "int8_t *y")
        lines = depthwise_rows.row_lines(shape)
        return function("One channel's plane with one filter.", parameters, lines, _twin(shape), "MVE")
    across, along = shape.turned((shape.plane.out_height, shape.plane.out_width))
    kernel, stride = shape.plane.kernel, shape.turned(shape.params.stride)
    weights = "".join(f"    const int32_t w{place} = w[{place}];\n" for place in range(kernel[0] * kernel[1]))
    steps = "" if stride[1] == 1 else f"    const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), {stride[1]});\n"
    live = "" if along >= LANES else f"    const mve_pred16_t live = vctp32q({along});\n"
    rows = max(rows for rows in range(1, ROWS + 1) if across % rows == 0 or rows < across)
    groups = _group(shape, rows, across // rows)
    groups += _group(shape, across % rows, 1) if across % rows else ""
    return fill(
        _TAPS, self="@self@", step=shape.outputs[1], constants=weights + steps + live, groups=indent(groups),
        twin=indent(_twin(shape)),
    )  # fmt: skip


def _twin(shape: TurnedPlane) -> str:
    params, length = shape.params, shape.plane.wide[1]
    across, along = shape.turned((shape.plane.out_height, shape.plane.out_width))
    kernel, stride, dilation = (shape.turned(pair) for pair in (shape.plane.kernel, params.stride, params.dilation))
    w_row, w_tap = shape.turned((shape.plane.kernel[1], 1))
    return fill(
        _TWIN, step=shape.outputs[1], across_step=shape.outputs[0], across=across, along=along, row=stride[0] * length,
        stride=stride[1], tap_row=dilation[0] * length, tap=dilation[1], tap_rows=kernel[0], tap_columns=kernel[1],
        w_row=w_row, w_tap=w_tap, value=finish_one(params.arithmetic),
    )  # fmt: skip


def _group(shape: TurnedPlane, rows: int, times: int) -> str:
    """``times`` groups of ``rows`` output rows."""
    along = shape.turned((shape.plane.out_height, shape.plane.out_width))[1]
    stride = shape.turned(shape.params.stride)
    return fill(
        _GROUP, times=times, rows=rows, along=along, lanes=LANES, last=max(0, along - LANES), step=shape.outputs[1],
        stride="" if stride[1] == 1 else f" * {stride[1]}", row=stride[0] * shape.plane.wide[1],
        across_step=shape.outputs[0], vectors=indent("".join(f"{line}\n" for line in _vectors(shape, rows)), 2),
    )  # fmt: skip


def _vectors(shape: TurnedPlane, rows: int) -> list[str]:
    """Four outputs of each of ``rows`` rows; with fewer outputs in a row, those that ``live`` predicates."""
    along = shape.turned((shape.plane.out_height, shape.plane.out_width))[1]
    live = "live" if along < LANES else ""
    stride = shape.turned(shape.params.stride)[1]
    lines = [f"int32x4_t v{row} = vdupq_n_s32(bias);" for row in range(rows)]
    for number, (offset, products) in enumerate(_loads(shape, rows).items()):
        lines.append(f"const int32x4_t x{number} = {_load(f'from + {offset}' if offset else 'from', stride, live)};")
        lines += [f"v{row} = vmlaq_n_s32(v{row}, x{number}, w{place});" for row, place in products]
    for row in range(rows):
        lines += finish(shape.params.arithmetic, f"v{row}", "factor", "power")
        to = f"to + {row * shape.outputs[0]}" if row else "to"
        predicate = ("_p", ", live") if live else ("", "")
        lines.append(f"vstrbq_scatter_offset{predicate[0]}_s32({to}, places, v{row}{predicate[1]});")
    return lines


def _loads(shape: TurnedPlane, rows: int) -> dict[int, list[tuple[int, int]]]:
    """Place in the plane, from the first output's first tap, to the (output row, weight) that it is multiplied with."""
    params, length = shape.params, shape.plane.wide[1]
    kernel, stride, dilation = (shape.turned(pair) for pair in (shape.plane.kernel, params.stride, params.dilation))
    w_row, w_tap = shape.turned((shape.plane.kernel[1], 1))
    found: dict[int, list[tuple[int, int]]] = {}
    for row in range(rows):
        for k in range(kernel[0]):
            for t in range(kernel[1]):
                place = (row * stride[0] + k * dilation[0]) * length + t * dilation[1]
                found.setdefault(place, []).append((row, k * w_row + t * w_tap))
    return dict(sorted(found.items()))


def _load(address: str, stride: int, live: str) -> str:
    zeroing = "_z" if live else ""
    more = f", {live}" if live else ""
    if stride == 1:
        return f"vldrhq{zeroing}_s32({address}{more})"
    return f"vldrhq_gather_shifted_offset{zeroing}_s32({address}, steps{more})"
