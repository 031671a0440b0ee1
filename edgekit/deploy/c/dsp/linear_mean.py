"""A mean over rows of channels: a load and an addition an element, and one linear form of the sum where it has one.

Where the scales make halves, which the reference rounds away from zero, no form has them all (linear.py): then the sum
is rescaled as it is there.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import cast

import numpy as np

from edgekit.deploy.c.accumulate import paren, scaled
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.linear import Linear, ended, linear_of_one
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import MeanParams

_MOST_ROWS = 64

_MEAN = """\
static void @self@(const int8_t *x, int8_t *y@parameters@) {
    for (const int8_t *end = x + @channels@; x < end; x++) {
        int32_t sum = @first@;
@lines@        *y++ = @value@;
    }
}
"""


def fits(layer: Layer) -> bool:
    """int8, over all rows of channels, few of them."""
    if not isinstance(layer.params, MeanParams) or layer.inputs[0].dtype != "int8" or layer.output.dtype != "int8":
        return False
    dims, params = layer.inputs[0].dims, layer.params
    channels = dims[-1]
    over_all = params.count == prod(dims[:-1]) and len(dims) - 1 not in params.axes
    return over_all and 1 < params.count <= _MOST_ROWS and layer.output.elements == channels


def emit_mean(layer: Layer) -> Code:
    """mean, sum: x int8 [1, …, C] to y int8 [C]."""
    params = cast(MeanParams, layer.params)
    form, clamp, channels = _form(params), params.clamp, layer.inputs[0].dims[-1]
    if form is not None:
        parameters, first = ", int32_t factor, int32_t constant", "x[0]"
        value = ended("sum * factor + constant", form.shift, clamp.low)
        arguments, name = f", {form.first}, {form.constant}", "linear"
    else:
        parameters, first = "", f"x[0] - {paren(params.count * params.input_zero_point)}"
        rescaled = f"{scaled('sum', params.rescale, 'sum * 2')} + {paren(params.output_zero_point)}"
        value = f"clamp({rescaled}, {paren(clamp.low)}, {paren(clamp.high)})"
        arguments, name = "", "of_rows"
    lines = "".join(f"        sum += x[{i * channels}];\n" for i in range(1, params.count))
    text = fill(_MEAN, self="@self@", parameters=parameters, channels=channels, first=first, lines=lines, value=value)
    function = Function(f"{layer.node.op}_{name}_{params.count}x{channels}", text)
    return Code(f"{{f0}}({{x}}, {{y}}{arguments});", (function,), kernel=f"dsp {function.name}")


@lru_cache(maxsize=512)
def _form(params: MeanParams) -> Linear | None:
    """The form of every sum of ``count`` bytes."""
    if params.clamp.high != 127:
        return None
    sums = np.arange(-128 * params.count, 127 * params.count + 1, dtype=np.int64)
    rescale = params.rescale
    centred = sums - params.count * params.input_zero_point
    scaled = rescale(centred) + params.output_zero_point
    table = np.clip(scaled, params.clamp.low, params.clamp.high)
    return linear_of_one(sums, table, rescale.multiplier * 2.0 ** (rescale.shift - 31), params.clamp.low)
