"""avg_pool2d and max_pool2d in C; padding is never counted and never wins."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, Layer, whole
from edgekit.deploy.c.text import fill
from edgekit.deploy.c.wide import argument, element
from edgekit.graph.integer.params import PoolParams

_POOL = """\
static void @self@(const @type@ *x, @type@ *y) {
    for (int32_t row = 0; row < @out_height@; row++) {
@range_y@        for (int32_t column = 0; column < @out_width@; column++) {
@range_x@            for (int32_t channel_in = 0; channel_in < @channels@; channel_in++) {
                const @type@ *from = x + (y0 * @width@ + x0) * @channels@ + channel_in;
                int32_t value = @start@;
                for (int32_t i = 0; i < rows; i++) {
                    for (int32_t j = 0; j < columns; j++) {
                        const int32_t v = from[(i * @width@ + j) * @channels@];
                        @update@
                    }
                }
@finish@                *y++ = @clamp@(value, @low@, @high@);
            }
        }
    }
}
"""

_CLIPPED = """\
@indent@int32_t @axis@0 = @out@ * @stride@ - @pad@;
@indent@const int32_t @axis@1 = @axis@0 + @window@ < @size@ ? @axis@0 + @window@ : @size@;
@indent@@axis@0 = @axis@0 < 0 ? 0 : @axis@0;
@indent@const int32_t @count@ = @axis@1 - @axis@0;
"""

_INSIDE = """\
@indent@const int32_t @axis@0 = @out@ * @stride@;
@indent@const int32_t @count@ = @window@;
"""

_AVERAGE = """\
                const int32_t count = rows * columns;
                value = value > 0 ? (value + count / 2) / count : (value - count / 2) / count;
"""


def emit_avg_pool2d(layer: Layer) -> Code:
    """avg_pool2d: x [1,H,W,C] to y [1,Ho,Wo,C], both int8 or both int16; the mean is rounded, halves away from zero."""
    return _emit(layer, "avg_pool", "0", "value += v;", _AVERAGE)


def emit_max_pool2d(layer: Layer) -> Code:
    """max_pool2d: x [1,H,W,C] to y [1,Ho,Wo,C], both int8 or both int16."""
    return _emit(layer, "max_pool", "-32768", "value = v > value ? v : value;", "")


def _emit(layer: Layer, name: str, start: str, update: str, finish: str) -> Code:
    params = cast(PoolParams, layer.params)
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    kind = element(layer.output)
    text = fill(
        _POOL, self="@self@", type=kind.name, clamp=kind.clamp,
        out_height=out_height, out_width=out_width, channels=channels, width=width,
        range_y=_range("y", "row", "rows", params, 0, height, out_height, "        "),
        range_x=_range("x", "column", "columns", params, 1, width, out_width, "            "),
        start=start, update=update, finish=finish, low=paren(params.clamp.low), high=paren(params.clamp.high),
    )  # fmt: skip
    window = f"{params.window[0]}x{params.window[1]}"
    function = Function(f"{name}{kind.suffix}_{window}_of_{height}x{width}x{channels}", text)
    return Code(f"{{f0}}({argument(kind, '{x}')}, {argument(kind, '{y}')});", (function,), kernel=function.name)


def _range(axis: str, out: str, count: str, params: PoolParams, i: int, size: int, out_size: int, indent: str) -> str:
    """Declarations of the window's first index and its length along one axis, clipped only where it can overhang."""
    stride, window, before = params.stride[i], params.window[i], params.pad[i][0]
    if before == 0 and (out_size - 1) * stride + window <= size:
        return fill(_INSIDE, indent=indent, axis=axis, out=out, stride=stride, count=count, window=window)
    return fill(
        _CLIPPED, indent=indent, axis=axis, out=out, stride=stride, pad=before, count=count, window=window, size=size
    )
