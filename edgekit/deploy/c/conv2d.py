"""conv2d in C: a patch of the input a pixel (two pixels at a time), times all filters.

The patch, kh·kw·C bytes with the zero point where the kernel hangs over the edge, is gathered into scratch: whole
kernel rows inside, tap by tap at the border. Of a 1×1 convolution without stride and padding it is a copy of the input,
so that the output may lie on it.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import channel_table, paren
from edgekit.deploy.c.conv2d_grouped import grouped
from edgekit.deploy.c.dot import rows1, rows2
from edgekit.deploy.c.fully_connected import over_rows
from edgekit.deploy.c.kernel import Code, Function, Layer, int8_array, whole
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate, ConvParams
from edgekit.graph.scratch import Patches, patches_of

_GATHER = """\
static void @self@(const int8_t *x, int32_t row, int32_t column, int8_t *patch) {
    const int32_t y0 = row * @stride_h@ - @top@;
    const int32_t x0 = column * @stride_w@ - @left@;
@whole@@border@}
"""

_BORDER = """\
    const int32_t top = y0 < 0 ? -y0 : 0;
    const int32_t left = x0 < 0 ? -x0 : 0;
    const int32_t bottom = y0 > @last_y@ ? @height@ - y0 : @kernel_h@;
    const int32_t right = x0 > @last_x@ ? @width@ - x0 : @kernel_w@;
    memset(patch, @zero@, @depth@);
    for (int32_t i = top; i < bottom; i++) {
        for (int32_t j = left; j < right; j++) {
            const int8_t *from = x + ((y0 + i) * @width@ + x0 + j) * @channels@;
            memcpy(patch + (i * @kernel_w@ + j) * @channels@, from, @channels@);
        }
    }
"""

_DILATED_BORDER = """\
    for (int32_t i = 0; i < @kernel_h@; i++) {
        const int32_t y = y0 + i * @dilation_h@;
        for (int32_t j = 0; j < @kernel_w@; j++) {
            const int32_t at = x0 + j * @dilation_w@;
            if (y >= 0 && y < @height@ && at >= 0 && at < @width@) {
                memcpy(patch, x + (y * @width@ + at) * @channels@, @channels@);
            } else {
                memset(patch, @zero@, @channels@);
            }
            patch += @channels@;
        }
    }
"""

_WHOLE = """\
    if (y0 >= 0 && y0 <= @last_y@ && x0 >= 0 && x0 <= @last_x@) {
        const int8_t *from = x + (y0 * @width@ + x0) * @channels@;
        for (int32_t i = 0; i < @kernel_h@; i++) {
@inside@            from += @row_step@;
        }
        return;
    }
"""
"""Kernels as large as the image never lie in it whole."""

_INSIDE_ROW = """\
            memcpy(patch, from, @row_bytes@);
            patch += @row_bytes@;
"""

_INSIDE_TAPS = """\
            for (int32_t j = 0; j < @kernel_w@; j++) {
                memcpy(patch, from + j * @tap_step@, @channels@);
                patch += @channels@;
            }
"""

_PIXELS = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y, int8_t *patch) {
    int32_t row = 0;
    int32_t column = 0;
    for (int32_t pixel = 0; pixel < @pixels@; pixel++) {
        @f0@(x, row, column, patch + (pixel & 1) * @depth@);
        if ((pixel & 1) != 0) {
            @f1@(w, c, patch, patch + @depth@, y, y + @outputs@);
            y += @two_outputs@;
        }
        column++;
        if (column == @out_width@) {
            column = 0;
            row++;
        }
    }
@last@}
"""

_COPIED = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y, int8_t *patch) {
    for (int32_t pair = 0; pair < @pairs@; pair++) {
        memcpy(patch, x, @two_depths@);
        @f0@(w, c, patch, patch + @depth@, y, y + @outputs@);
        x += @two_depths@;
        y += @two_outputs@;
    }
@last@}
"""

_ONE_PIXEL = """\
static void @self@(const int8_t *w, const channel *c, const int8_t *x, int8_t *y, int8_t *patch) {
    @f0@(x, 0, 0, patch);
    @f1@(w, c, patch, y);
}
"""


def emit_conv2d(layer: Layer) -> Code:
    """conv2d: x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O]."""
    params = cast(ConvParams, layer.params)
    arithmetic = params.arithmetic
    weights, table = f"weights_{layer.index}", f"channels_{layer.index}"
    data = (
        int8_array(weights, arithmetic.weights),
        channel_table(table, arithmetic, 0, layer.node.name),
    )
    _, out_height, out_width, _ = whole(layer.output, 4, layer)
    if whole(layer.inputs[0], 4, layer)[3] != arithmetic.weights.shape[3]:
        functions, scratch = grouped(layer, params)
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
        return Code(call, functions, data, scratch, kernel=functions[-1].name)
    patches = layer_patches(layer, params)
    if not patches.nbytes:
        functions = over_rows(arithmetic, patches.pixels)
        call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}});"
        return Code(call, functions, data, kernel=f"pointwise {functions[0].name}")
    functions = _copied(arithmetic, patches) if patches.direct else _patches(layer, params, out_height, out_width)
    call = f"{{f{len(functions) - 1}}}({weights}, {table}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, patches.nbytes, kernel=functions[-1].name)


def layer_patches(layer: Layer, params: ConvParams) -> Patches:
    """The patches of a layer, as the memory plan has them."""
    source, output = whole(layer.inputs[0], 4, layer), whole(layer.output, 4, layer)
    return patches_of(params.arithmetic.weights.shape, source[3], output, params.stride, params.pad)


def _copied(arithmetic: Accumulate, patches: Patches) -> tuple[Function, ...]:
    """Of a 1×1 convolution: two pixels at a time are copied away before their outputs are written."""
    outputs, depth = arithmetic.weights.shape[0], patches.depth
    odd = patches.pixels % 2
    last = f"    memcpy(patch, x, {depth});\n    @f1@(w, c, patch, y);\n" if odd else ""
    text = fill(
        _COPIED, self="@self@", f0="@f0@", pairs=patches.pixels // 2, depth=depth, outputs=outputs,
        two_depths=2 * depth, two_outputs=2 * outputs, last=last,
    )  # fmt: skip
    callees = (rows2(arithmetic), rows1(arithmetic)) if odd else (rows2(arithmetic),)
    return (*callees, Function(f"pointwise_{patches.pixels}x{depth}_to_{outputs}", text))


def _patches(layer: Layer, params: ConvParams, out_height: int, out_width: int) -> tuple[Function, ...]:
    """Gathering, inner products, and last the function over all pixels; only what an odd or even number needs."""
    arithmetic, pixels = params.arithmetic, out_height * out_width
    gather = gather_patch(layer, params)
    if pixels == 1:
        callees, text = (gather, rows1(arithmetic)), fill(_ONE_PIXEL, self="@self@", f0="@f0@", f1="@f1@")
    else:
        odd = (rows1(arithmetic),) if pixels % 2 else ()
        callees = (gather, rows2(arithmetic), *odd)
        text = _pixels(arithmetic.weights.shape, pixels, out_width)
    outputs, kernel_h, kernel_w, channels = arithmetic.weights.shape
    name = f"conv2d_{kernel_h}x{kernel_w}x{channels}_to_{out_height}x{out_width}x{outputs}"
    return (*callees, Function(name, text))


def gather_patch(layer: Layer, params: ConvParams) -> Function:
    """``(x, row, column, patch)``: the bytes that output position (row, column) reads, the zero point outside."""
    _, height, width, channels = whole(layer.inputs[0], 4, layer)
    _, kernel_h, kernel_w, _ = params.arithmetic.weights.shape
    (top, _), (left, _) = params.pad
    (stride_h, stride_w), (dilation_h, dilation_w) = params.stride, params.dilation
    sizes = {"height": height, "width": width, "channels": channels, "kernel_h": kernel_h, "kernel_w": kernel_w}
    zero = paren(params.arithmetic.input_zero_point)
    if (dilation_h, dilation_w) == (1, 1):
        border = fill(
            _BORDER, **sizes, zero=zero, depth=kernel_h * kernel_w * channels, last_y=paren(height - kernel_h),
            last_x=paren(width - kernel_w),
        )  # fmt: skip
    else:
        border = fill(_DILATED_BORDER, **sizes, zero=zero, dilation_h=dilation_h, dilation_w=dilation_w)
    text = fill(
        _GATHER, self="@self@", stride_h=stride_h, stride_w=stride_w, top=top, left=left,
        whole=_inside_the_image(layer, params), border=border,
    )  # fmt: skip
    return Function(f"patch_{kernel_h}x{kernel_w}x{channels}_of_{height}x{width}", text)


def _inside_the_image(layer: Layer, params: ConvParams) -> str:
    """The patch row by row where all of it lies in the image; "" where none ever does."""
    _, height, width, channels = layer.inputs[0].dims
    _, kernel_h, kernel_w, _ = params.arithmetic.weights.shape
    dilation_h, dilation_w = params.dilation
    last_y, last_x = height - (kernel_h - 1) * dilation_h - 1, width - (kernel_w - 1) * dilation_w - 1
    if last_y < 0 or last_x < 0:
        return ""
    if dilation_w == 1:
        inside = fill(_INSIDE_ROW, row_bytes=kernel_w * channels)
    else:
        inside = fill(_INSIDE_TAPS, kernel_w=kernel_w, tap_step=dilation_w * channels, channels=channels)
    return fill(
        _WHOLE, last_y=last_y, last_x=last_x, width=width, channels=channels, kernel_h=kernel_h, inside=inside,
        row_step=dilation_h * width * channels,
    )  # fmt: skip


def _pixels(shape: tuple[int, ...], pixels: int, out_width: int) -> str:
    outputs, kernel_h, kernel_w, channels = shape
    last = "    @f2@(w, c, patch, y);\n" if pixels % 2 else ""
    return fill(
        _PIXELS, self="@self@", f0="@f0@", f1="@f1@", pixels=pixels, depth=kernel_h * kernel_w * channels,
        outputs=outputs, two_outputs=2 * outputs, out_width=out_width, last=last,
    )  # fmt: skip
