"""add and sub of two activations of one shape with DSP instructions: SMMULR for the products, SSAT at the end.

Each input is rescaled as accumulate.scaled() does (requantize.py has the proof for SMMULR and the halves); the input of
the larger scale has the factor one half, which is a shift.
"""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.accumulate import paren, scaled
from edgekit.deploy.c.dsp.requantize import finisher
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import AddParams, Rescale

_ADD = """\
static void @self@(const int8_t *a, const int8_t *b, int8_t *y) {
    const int32_t shift = @shift@;
    const int32_t zero = @zero@;
    for (int32_t i = 0; i < @elements@; i++) {
        const int32_t left = @left@;
        const int32_t right = @right@;
        const int32_t value = @finish@((left @sign@ right) * 2, @multiplier@, shift, zero);
        y[i] = @value@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """Two int8 activations of the output's shape, a result that is shifted right."""
    params = layer.params
    if not isinstance(params, AddParams) or any(tensor.dtype != "int8" for tensor in (*layer.inputs, layer.output)):
        return False
    same = all(tensor.dims == layer.output.dims for tensor in layer.inputs)
    return same and params.output_rescale.shift <= -1 and params.left_shift <= 20


def emit_add(layer: Layer) -> Code:
    """add, sub: int8 a ± int8 b to y int8, all of one shape; correct for y on the buffer of an input."""
    params = cast(AddParams, layer.params)
    clamp, zero = params.clamp, params.output_zero_point
    shift = -params.output_rescale.shift - 1
    plain = (clamp.low, clamp.high) == (-128, 127)
    (zero_a, zero_b), (first, second) = params.zero_points, params.rescales
    text = fill(
        _ADD, self="@self@", shift=shift, zero=paren((2 * zero + 1) * (1 << shift)), elements=layer.output.elements,
        left=_rescaled("a[i]", zero_a, params.left_shift, first),
        right=_rescaled("b[i]", zero_b, params.left_shift, second), sign="+" if params.sign > 0 else "-",
        finish=finisher(clamp.low, zero, params.output_rescale.rounding), multiplier=params.output_rescale.multiplier,
        value="(int8_t)value" if plain else f"clamp(value, {paren(clamp.low)}, {paren(clamp.high)})",
    )  # fmt: skip
    function = Function(f"{layer.node.op}_{layer.output.elements}", text)
    return Code("{f0}({x}, {x1}, {y});", (function,), kernel=f"dsp {function.name}")


def _rescaled(value: str, zero: int, left_shift: int, rescale: Rescale) -> str:
    """A C expression: the input less its zero point, shifted left, times the factor."""
    centred = f"({value} - {paren(zero)})"
    if rescale.is_half:
        return f"{centred} * {1 << (left_shift - 1)}"
    return scaled(f"{centred} * {1 << left_shift}", rescale, f"{centred} * {1 << (left_shift + 1)}")
