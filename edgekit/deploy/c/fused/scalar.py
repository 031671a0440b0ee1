"""The value of an operator as C statements over int32 variables; its bytes are those of the operator's own kernel."""

from __future__ import annotations

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.accumulate import paren, scaled
from edgekit.deploy.c.add import addend
from edgekit.deploy.c.dsp.requantize import finisher
from edgekit.deploy.c.fused import linear
from edgekit.deploy.c.fused.linear import factor_of
from edgekit.deploy.c.kernel import Layer
from edgekit.deploy.c.wide import element
from edgekit.graph.integer.params import (
    AddParams,
    DepthwiseParams,
    LookupParams,
    MeanParams,
    MulParams,
    RequantizeParams,
    Rescale,
    WideRsqrtParams,
)
from edgekit.graph.integer.params_arithmetic import Accumulate

MOST_RIGHT = 20
"""Largest shift behind a product for which the output's zero point, shifted as far, stays small in 32 bits."""
ROOT = "@f1@"
"""Where the function of wide_functions.INVERSE_ROOT that computes a root goes."""


def statements(layer: Layer, value: str, operands: list[str]) -> list[str]:
    """Statements that declare ``value``.

    Args:
        layer: the operator.
        value: variable to declare.
        operands: variables of its operands; of a mean the finished sum.

    Raises:
        UnsupportedOpError: an operator that no fused step has.
    """
    params, clamp, dsp = layer.params, element(layer.output).clamp, layer.target.dsp
    total = f"t_{value}"
    form = linear.value(layer, operands) if dsp else None
    if form is not None:
        return [f"const int32_t {value} = {form};"]
    if isinstance(params, AddParams):
        first, second = (addend(name, params, i, dsp) for i, name in enumerate(operands))
        sign, finished = "+" if params.sign > 0 else "-", _finished(layer, total, params.output_rescale, params)
        return [f"const int32_t {total} = {first} {sign} {second};", f"const int32_t {value} = {finished};"]
    if isinstance(params, MulParams):
        first, second = (f"({name} - {paren(zero)})" for name, zero in zip(operands, params.zero_points, strict=True))
        narrow = layer.output.dtype == "int8"  # the square of -32768 has no double
        finished = _finished(layer, total, params.rescale, params, doubles=narrow)
        return [f"const int32_t {total} = {first} * {second};", f"const int32_t {value} = {finished};"]
    if isinstance(params, MeanParams):
        doubles = params.count * 4 * (params.clamp.high + 1) < 1 << 31
        return [f"const int32_t {value} = {_finished(layer, operands[0], params.rescale, params, doubles=doubles)};"]
    if isinstance(params, RequantizeParams):
        return [f"const int32_t {value} = {_requantized(clamp, operands[0], params, dsp)};"]
    if isinstance(params, LookupParams):
        return [f"const int32_t {value} = table_{layer.index}[{operands[0]} + 128];"]
    if isinstance(params, WideRsqrtParams):
        root = f"rescale({ROOT}({operands[0]}), {params.rescale.multiplier}, {paren(params.rescale.shift - 20)})"
        root = f"{clamp}({root}, {paren(params.clamp.low)}, {paren(params.clamp.high)})"
        return [f"const int32_t {value} = {operands[0]} <= 0 ? 32767 : {root};"]
    if isinstance(params, DepthwiseParams):
        weight, bias, how = factor_of(params.arithmetic)
        finished = _finished(layer, total, how, params.arithmetic, doubles=abs(bias) < 1 << 29)
        product = f"{operands[0]} * {paren(weight)} + {paren(bias)}"
        return [f"const int32_t {total} = {product};", f"const int32_t {value} = {finished};"]
    raise UnsupportedOpError(f"{layer.node.op} cannot be fused", where=layer.node.name)


def _finished(
    layer: Layer,
    total: str,
    how: Rescale,
    params: AddParams | MulParams | MeanParams | Accumulate,
    *,
    doubles: bool = True,
) -> str:
    """A C expression: the value from a sum or product.

    Args:
        layer: of the operator.
        total: variable of the sum or product.
        how: its rescaling.
        params: for zero point and clamp.
        doubles: twice the total is an int32.
    """
    low, high, zero = params.clamp.low, params.clamp.high, params.output_zero_point
    dsp, right, clamp = layer.target.dsp and doubles, -how.shift - 1, element(layer.output).clamp
    if dsp and layer.output.dtype == "int8" and 0 <= right <= MOST_RIGHT:  # dsp/requantize.py has the proof
        half = finisher(low, zero, how.rounding)
        value = f"{half}({total} * 2, {how.multiplier}, {right}, {paren((2 * zero + 1) * (1 << right))})"
        return value if (low, high) == (-128, 127) else f"{clamp}({value}, {paren(low)}, {paren(high)})"
    value = scaled(total, how, f"{total} * 2" if dsp else "")
    return f"{clamp}({value} + {paren(zero)}, {paren(low)}, {paren(high)})"


def _requantized(clamp: str, operand: str, params: RequantizeParams, dsp: bool) -> str:
    value = operand
    if params.rescale is not None:
        centred = f"({operand} - {paren(params.input_zero_point)})"
        value = scaled(centred, params.rescale, f"{centred} * 2" if dsp else "")
        value = f"{value} + {paren(params.output_zero_point)}"
    return f"{clamp}({value}, {paren(params.clamp.low)}, {paren(params.clamp.high)})"
