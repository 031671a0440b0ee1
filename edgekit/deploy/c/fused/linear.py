"""Operators of int8 in a fused step whose value is a proven linear form (deploy/c/linear.py) on DSP cores."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edgekit.deploy.c.dsp.linear_add import form_of_sum
from edgekit.deploy.c.kernel import Layer
from edgekit.deploy.c.linear import Linear, ended, linear_of_one
from edgekit.deploy.c.text import int32
from edgekit.graph.integer.accumulate import requantize
from edgekit.graph.integer.params import AddParams, DepthwiseParams, Rescale
from edgekit.graph.integer.params_arithmetic import Accumulate

_INT8 = np.arange(-128, 128, dtype=np.int64)


def value(layer: Layer, operands: list[str]) -> str | None:
    """A C expression of the operator's value from its operands' variables; None where no form is proven."""
    params = layer.params
    if any(tensor.dtype != "int8" for tensor in (*layer.inputs, layer.output)):
        return None
    if isinstance(params, AddParams) and params.clamp.high == 127:
        form, clamp = form_of_sum(params), params.clamp
    elif isinstance(params, DepthwiseParams) and params.arithmetic.clamp.high == 127:
        form, clamp = _form_of_factor(params), params.arithmetic.clamp
    else:
        return None
    if form is None:
        return None
    factors = zip(operands, (form.first, form.second), strict=False)
    products = " + ".join(f"{operand} * {_signed(factor)}" for operand, factor in factors)
    return ended(f"{products} + {_signed(form.constant)}", form.shift, int(clamp.low))


def factor_of(arithmetic: Accumulate) -> tuple[int, int, Rescale]:
    """(weight, bias, rescaling) of a depthwise convolution that has one of each."""
    how = Rescale(int(arithmetic.multiplier[0]), int(arithmetic.shift[0]), arithmetic.rounding)
    return int(arithmetic.weights.flat[0]), int(arithmetic.folded_bias[0]), how


@lru_cache(maxsize=512)
def _form_of_factor(params: DepthwiseParams) -> Linear | None:
    """The form of all 256 values, as the integer interpreter computes the first channel of them."""
    arithmetic = params.arithmetic
    weight, _, how = factor_of(arithmetic)
    sums = (_INT8[:, None] - arithmetic.input_zero_point) * np.full(arithmetic.multiplier.size, weight)
    bytes_ = requantize(arithmetic, sums)[:, 0].astype(np.int64)
    real = weight * how.multiplier * 2.0 ** (how.shift - 31)
    return linear_of_one(_INT8, bytes_, real, int(arithmetic.clamp.low))


def _signed(number: int) -> str:
    return f"({int32(number)})" if number < 0 else str(number)
