"""depthwise_conv2d in C, one channel at a time.

Rows of one channel are gathered into a small plane in scratch whose border holds the zero point: the taps then need no
edge cases and lie at small constant offsets, and the filter stays in registers for the whole plane. A plane that would
be large is worked off in tiles of output rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import channel_table, finish, paren
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, whole
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import DepthwiseParams
from edgekit.graph.plane import Plane

UNROLLED_TAPS = 9
"""Filters of up to this many taps are held in local variables."""

_DEPTHWISE = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y, int8_t *plane) {
    memset(plane, @zero@, @plane_bytes@);
    for (int32_t channel_in = 0; channel_in < @channels@; channel_in++) {
@tiles@        x++;
        y += @multiplier@;
        w += @filter_bytes@;
        c += @multiplier@;
    }
}
"""

_WHOLE = """\
        for (int32_t i = 0; i < @rows@; i++) {
            for (int32_t j = 0; j < @columns@; j++) {
                plane[(i + @top@) * @plane_w@ + @left@ + j] = x[(i * @width@ + j) * @channels@];
            }
        }
@filters@"""

_TILED = """\
        for (int32_t first = 0; first < @out_height@; first += @tile@) {
            const int32_t rows = @out_height@ - first < @tile@ ? @out_height@ - first : @tile@;
            for (int32_t i = 0; i < @plane_h@; i++) {
                const int32_t from = first * @stride_h@ - @top@ + i;
                int8_t *to = plane + i * @plane_w@ + @left@;
                if (from < 0 || from >= @height@) {
                    memset(to, @zero@, @columns@);
                    continue;
                }
                for (int32_t j = 0; j < @columns@; j++) {
                    to[j] = x[(from * @width@ + j) * @channels@];
                }
            }
@filters@        }
"""

_FILTER = """\
        for (int32_t m = 0; m < @multiplier@; m++) {
@hold@            const int8_t *from = plane;
            int8_t *to = y + m@first_row@;
            for (int32_t i = 0; i < @out_rows@; i++) {
                for (int32_t j = 0; j < @out_width@; j++) {
                    int32_t sum = c[m].bias;
@taps@                    *to = @value@;
                    from += @stride_w@;
                    to += @out_channels@;
                }
                from += @row_rest@;
            }
        }
"""

_TAP_LOOPS = """\
                    for (int32_t k = 0; k < @kernel_h@; k++) {
                        for (int32_t l = 0; l < @kernel_w@; l++) {
                            sum += from[k * @row_step@ + l * @dilation_w@] * w[m * @taps@ + k * @kernel_w@ + l];
                        }
                    }
"""


@dataclass(frozen=True)
class _Geometry:
    """Sizes of the layer and of the plane for tiles of ``tile`` output rows."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    kernel_h: int
    kernel_w: int
    params: DepthwiseParams

    @property
    def plane(self) -> Plane:
        kernel = (self.kernel_h, self.kernel_w)
        outputs = self.channels * self.params.multiplier
        return Plane(self.out_height, self.out_width, outputs, kernel, self.params.stride, self.params.dilation)

    @property
    def plane_w(self) -> int:
        return self.plane.width

    def plane_h(self, tile: int) -> int:
        return self.plane.height(tile)

    @property
    def columns(self) -> int:
        """Columns of the input that the plane holds."""
        return max(0, min(self.width, self.plane_w - self.params.pad[1][0]))

    @property
    def tile(self) -> int:
        """Output rows a tile: all, or as many as fit."""
        return self.plane.tile


def emit_depthwise_conv2d(layer: Layer) -> Code:
    """depthwise_conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,C·m]."""
    params = cast(DepthwiseParams, layer.params)
    arithmetic = params.arithmetic
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    _, kernel_h, kernel_w, outputs = arithmetic.weights.shape
    shape = _Geometry(height, width, channels, out_height, out_width, kernel_h, kernel_w, params)
    by_channel = np.moveaxis(arithmetic.weights[0], 2, 0)  # [C·m, kh, kw]: a filter's taps lie together
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (int8_array(weights, by_channel), channel_table(table, arithmetic, 3, layer.node.name))
    name = f"depthwise_{kernel_h}x{kernel_w}_of_{height}x{width}x{channels}_to_{out_height}x{out_width}x{outputs}"
    call = f"{{f0}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, (Function(name, _text(shape)),), data, shape.plane.nbytes, kernel=name)


def _text(shape: _Geometry) -> str:
    params, multiplier = shape.params, shape.params.multiplier
    whole_plane = shape.tile == shape.out_height
    return fill(
        _DEPTHWISE, self="@self@", zero=paren(params.arithmetic.input_zero_point),
        plane_bytes=shape.plane_h(shape.tile) * shape.plane_w, channels=shape.channels,
        tiles=_whole(shape) if whole_plane else _tiled(shape), multiplier=multiplier,
        filter_bytes=multiplier * shape.kernel_h * shape.kernel_w,
    )  # fmt: skip


def _whole(shape: _Geometry) -> str:
    top, left = shape.params.pad[0][0], shape.params.pad[1][0]
    rows = max(0, min(shape.height, shape.plane_h(shape.out_height) - top))
    return fill(
        _WHOLE, rows=rows, columns=shape.columns, top=top, left=left, plane_w=shape.plane_w, width=shape.width,
        channels=shape.channels, filters=_filter(shape, "", str(shape.out_height)),
    )  # fmt: skip


def _tiled(shape: _Geometry) -> str:
    (top, _), (left, _) = shape.params.pad
    first_row = f" + first * {shape.out_width * shape.channels * shape.params.multiplier}"
    return fill(
        _TILED, out_height=shape.out_height, tile=shape.tile, plane_h=shape.plane_h(shape.tile),
        stride_h=shape.params.stride[0], top=top, left=left, plane_w=shape.plane_w, height=shape.height,
        width=shape.width, zero=paren(shape.params.arithmetic.input_zero_point), columns=shape.columns,
        channels=shape.channels, filters=_filter(shape, first_row, "rows"),
    )  # fmt: skip


def _filter(shape: _Geometry, first_row: str, out_rows: str) -> str:
    params = shape.params
    row_step = params.dilation[0] * shape.plane_w
    hold, taps = _taps(shape, row_step)
    return fill(
        _FILTER, multiplier=params.multiplier, hold=hold, first_row=first_row, out_rows=out_rows,
        out_width=shape.out_width, taps=taps, value=finish(params.arithmetic, "sum", "(c + m)"),
        stride_w=params.stride[1], out_channels=shape.channels * params.multiplier,
        row_rest=params.stride[0] * shape.plane_w - shape.out_width * params.stride[1],
    )  # fmt: skip


def _taps(shape: _Geometry, row_step: int) -> tuple[str, str]:
    """(declarations before the loops, the sum of one output)."""
    count, dilation_w = shape.kernel_h * shape.kernel_w, shape.params.dilation[1]
    if count > UNROLLED_TAPS:
        loops = fill(
            _TAP_LOOPS, kernel_h=shape.kernel_h, kernel_w=shape.kernel_w, row_step=row_step, dilation_w=dilation_w,
            taps=count,
        )  # fmt: skip
        return "", loops
    hold = "".join(f"            const int32_t w{i} = w[m * {count} + {i}];\n" for i in range(count))
    places = [k * row_step + col * dilation_w for k in range(shape.kernel_h) for col in range(shape.kernel_w)]
    return hold, "".join(f"                    sum += from[{at}] * w{i};\n" for i, at in enumerate(places))
