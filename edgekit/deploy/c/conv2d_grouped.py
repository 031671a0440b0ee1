"""conv2d with groups in C: the patch of one group of one pixel at a time, times the filters of that group."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.dot import rows1
from edgekit.deploy.c.kernel import Function, Layer, whole
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.scratch import patches_of

_GATHER = """\
static void @self@(const int8_t *x, int32_t y0, int32_t x0, int8_t *patch) {
    for (int32_t i = 0; i < @kernel_h@; i++) {
        const int32_t y = y0 + i * @dilation_h@;
        for (int32_t j = 0; j < @kernel_w@; j++) {
            const int32_t at = x0 + j * @dilation_w@;
            if (y >= 0 && y < @height@ && at >= 0 && at < @width@) {
                memcpy(patch, x + (y * @width@ + at) * @pixel@, @channels@);
            } else {
                memset(patch, @zero@, @channels@);
            }
            patch += @channels@;
        }
    }
}
"""

_PATCHED = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y, int8_t *patch) {
    for (int32_t row = 0; row < @rows@; row++) {
        for (int32_t column = 0; column < @columns@; column++) {
            for (int32_t g = 0; g < @groups@; g++) {
                @f0@(x + g * @channels@, row * @stride_h@ - @top@, column * @stride_w@ - @left@, patch);
                @f1@(w + g * @weights@, c + g * @outputs@, patch, y);
                y += @outputs@;
            }
        }
    }
}
"""

_IN_PLACE = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y, int8_t *patch) {
    (void)patch;
    for (int32_t pixel = 0; pixel < @pixels@; pixel++) {
        for (int32_t g = 0; g < @groups@; g++) {
            @f0@(w + g * @weights@, c + g * @outputs@, x, y);
            x += @channels@;
            y += @outputs@;
        }
    }
}
"""


def grouped(layer: Layer, params: ConvParams) -> tuple[tuple[Function, ...], int]:
    """The functions of a conv2d with groups, the one to call last, and its bytes of working memory.

    Its arguments are (weights, channels, x, y, scratch), x int8 [1,H,W,C] and y int8 [1,Ho,Wo,O].
    """
    weights = params.arithmetic.weights
    outputs, kernel_h, kernel_w, channels = weights.shape
    groups = whole(layer.inputs[0], 4, layer)[3] // channels
    _, rows, columns, _ = whole(layer.output, 4, layer)
    own = outputs // groups
    product = rows1(replace(params.arithmetic, weights=weights[:own]))
    sizes = {"groups": groups, "channels": channels, "outputs": own, "weights": own * prod(weights.shape[1:])}
    source, output = whole(layer.inputs[0], 4, layer), whole(layer.output, 4, layer)
    scratch = patches_of(weights.shape, source[3], output, params.stride, params.pad).nbytes
    name = f"conv2d_{kernel_h}x{kernel_w}x{channels}_to_{rows}x{columns}x{own}_{groups}_groups"
    if not scratch:
        text = fill(_IN_PLACE, self="@self@", f0="@f0@", pixels=rows * columns, **sizes)
        return (product, Function(name, text)), 0
    (top, _), (left, _) = params.pad
    text = fill(
        _PATCHED, self="@self@", f0="@f0@", f1="@f1@", rows=rows, columns=columns, stride_h=params.stride[0],
        stride_w=params.stride[1], top=top, left=left, **sizes,
    )  # fmt: skip
    return (_gather(layer, params), product, Function(name, text)), scratch


def _gather(layer: Layer, params: ConvParams) -> Function:
    _, height, width, pixel = whole(layer.inputs[0], 4, layer)
    _, kernel_h, kernel_w, channels = params.arithmetic.weights.shape
    text = fill(
        _GATHER, self="@self@", kernel_h=kernel_h, kernel_w=kernel_w, dilation_h=params.dilation[0],
        dilation_w=params.dilation[1], height=height, width=width, pixel=pixel, channels=channels,
        zero=paren(params.arithmetic.input_zero_point),
    )  # fmt: skip
    return Function(f"patch_{kernel_h}x{kernel_w}x{channels}_of_{height}x{width}x{pixel}", text)
