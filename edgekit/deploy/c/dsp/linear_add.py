"""add and sub of int8 as one linear form (linear.py): two multiply-accumulates and a saturation an element.

The inputs have the output's shape, or the second is one row of channels that is added to every row.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import cast

import numpy as np

from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.linear import Linear, ended, linear_of_two
from edgekit.deploy.c.text import fill, int32
from edgekit.graph.integer.params import AddParams
from edgekit.graph.integer.table import RUN

_ROWS_AT_ONCE = 10

_SAME = """\
static void @self@(const int8_t *a, const int8_t *b, int8_t *y, int32_t first, int32_t second, int32_t constant) {
    for (const int8_t *end = y + @elements@; y < end; y += @unroll@) {
@lines@        a += @unroll@;
        b += @unroll@;
    }
}
"""

_ROW = """\
static void @self@(const int8_t *a, const int8_t *b, int8_t *y, int32_t first, int32_t second, int32_t constant) {
    for (int32_t row = 0; row < @groups@; row++) {
        for (int32_t i = 0; i < @channels@; i++) {
            const int32_t own = b[i] * second + constant;
@lines@            a++;
            y++;
        }
        a += @others@;
        y += @others@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """int8, of one shape or with one row to every row, and the form is proven."""
    if not isinstance(layer.params, AddParams) or any(t.dtype != "int8" for t in (*layer.inputs, layer.output)):
        return False
    first, second = (tensor.dims for tensor in layer.inputs)
    if first != layer.output.dims or any(tensor.constant for tensor in layer.inputs):
        return False
    row = prod(second) == second[-1] == first[-1]
    return (first == second or row) and layer.params.clamp.high == 127 and form_of_sum(layer.params) is not None


def emit_add(layer: Layer) -> Code:
    """add, sub: int8 a ± int8 b to y int8; correct for y on the buffer of an input of y's shape."""
    params = cast(AddParams, layer.params)
    form = form_of_sum(params)
    assert form is not None
    same = layer.inputs[0].dims == layer.inputs[1].dims
    text, name = _same(layer, form, params) if same else _row(layer, form, params)
    factors = ", ".join(int32(value) for value in (form.first, form.second, form.constant))
    function = Function(name, text)
    return Code(f"{{f0}}({{x}}, {{x1}}, {{y}}, {factors});", (function,), kernel=f"dsp {name}")


@lru_cache(maxsize=512)
def form_of_sum(params: AddParams) -> Linear | None:
    """The form of all 65,536 pairs of int8, as the integer interpreter adds them; None where none is proven."""
    values = np.arange(-128, 128, dtype=np.int8)
    pairs = np.repeat(values, 256)[None], np.tile(values, 256)[None]
    table = np.asarray(RUN["add"](params, pairs)).reshape(256, 256).astype(np.int64)
    out = params.output_rescale.multiplier * 2.0 ** (params.output_rescale.shift - 31 + params.left_shift)
    first, second = (part.multiplier * 2.0 ** (part.shift - 31) * out for part in params.rescales)
    return linear_of_two(table, (first, params.sign * second), params.clamp.low)


def _same(layer: Layer, form: Linear, params: AddParams) -> tuple[str, str]:
    elements = layer.output.elements
    unroll = next(n for n in (8, 5, 4, 3, 2, 1) if elements % n == 0)
    lines = "".join(
        f"        y[{i}] = {_ended(f'a[{i}] * first + b[{i}] * second + constant', form, params)};\n"
        for i in range(unroll)
    )
    text = fill(_SAME, self="@self@", elements=elements, unroll=unroll, lines=lines)
    return text, f"{layer.node.op}_linear_{elements}"


def _row(layer: Layer, form: Linear, params: AddParams) -> tuple[str, str]:
    channels = layer.output.dims[-1]
    rows = layer.output.elements // channels
    at_once = next(n for n in range(min(rows, _ROWS_AT_ONCE), 0, -1) if rows % n == 0)
    lines = "".join(
        f"            y[{i * channels}] = {_ended(f'a[{i * channels}] * first + own', form, params)};\n"
        for i in range(at_once)
    )
    text = fill(
        _ROW, self="@self@", groups=rows // at_once, channels=channels, lines=lines, others=(at_once - 1) * channels
    )
    return text, f"{layer.node.op}_linear_{rows}x{channels}"


def _ended(value: str, form: Linear, params: AddParams) -> str:
    return ended(value, form.shift) if params.clamp.low == -128 else ended(value, form.shift, int(params.clamp.low))
