"""The values of an operator at four channels as MVE statements (mve/elementwise.py says why the bytes are equal)."""

from __future__ import annotations

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.fused.linear import factor_of
from edgekit.deploy.c.kernel import Layer
from edgekit.deploy.c.mve.elementwise import centred, rescaled, stored
from edgekit.graph.integer.params import AddParams, DepthwiseParams, LookupParams, MulParams, RequantizeParams
from edgekit.graph.integer.params_arithmetic import Clamp


def fits(layer: Layer) -> bool:
    """No rescaling shifts left, but for a requantization whose 17 bits leave room for it."""
    params = layer.params
    if isinstance(params, AddParams):
        return all(how.shift <= 0 for how in (*params.rescales, params.output_rescale))
    if isinstance(params, MulParams):
        return params.rescale.shift <= 0
    if isinstance(params, RequantizeParams):
        return params.rescale is None or params.rescale.shift <= 15
    if isinstance(params, DepthwiseParams):
        return factor_of(params.arithmetic)[2].shift <= 0
    return isinstance(params, LookupParams)


def statements(layer: Layer, value: str, operands: list[str]) -> list[str]:
    """Statements that declare the vector ``value``.

    Args:
        layer: the operator.
        value: variable to declare.
        operands: vectors of its operands.

    Raises:
        UnsupportedOpError: an operator that no fused step has at every channel.
    """
    params = layer.params
    if isinstance(params, AddParams):
        return _add(params, value, operands)
    if isinstance(params, MulParams):
        first, second = (centred(name, zero) for name, zero in zip(operands, params.zero_points, strict=True))
        lines = [f"int32x4_t {value} = vmulq_s32({first}, {second});", *rescaled(value, params.rescale)]
        return [*lines, *stored(params.output_zero_point, params.clamp, value)]
    if isinstance(params, RequantizeParams):
        return _requantize(params, value, operands[0])
    if isinstance(params, LookupParams):
        offsets = f"vreinterpretq_u32_s32(vaddq_n_s32({operands[0]}, 128))"
        return [f"const int32x4_t {value} = vldrbq_gather_offset_z_s32(table_{layer.index}, {offsets}, live);"]
    if isinstance(params, DepthwiseParams):
        weight, bias, how = factor_of(params.arithmetic)
        lines = [f"int32x4_t {value} = vmlaq_n_s32(vdupq_n_s32({bias}), {operands[0]}, {weight});"]
        return [
            *lines,
            *rescaled(value, how),
            *stored(params.arithmetic.output_zero_point, params.arithmetic.clamp, value),
        ]
    raise UnsupportedOpError(f"{layer.node.op} cannot be fused", where=layer.node.name)


def _add(params: AddParams, value: str, operands: list[str]) -> list[str]:
    lines, names = [], []
    for i, (name, zero, how) in enumerate(zip(operands, params.zero_points, params.rescales, strict=True)):
        names.append(f"{value}_{i}")
        shift = params.left_shift - (1 if how.is_half else 0)
        lines.append(f"int32x4_t {names[i]} = vshlq_n_s32({centred(name, zero)}, {shift});")
        lines += [] if how.is_half else rescaled(names[i], how)
    lines.append(f"int32x4_t {value} = {'vaddq_s32' if params.sign > 0 else 'vsubq_s32'}({', '.join(names)});")
    return [*lines, *rescaled(value, params.output_rescale), *stored(params.output_zero_point, params.clamp, value)]


def _requantize(params: RequantizeParams, value: str, operand: str) -> list[str]:
    if params.rescale is None:
        return [f"int32x4_t {value} = {operand};", *stored(0, Clamp(params.clamp.low, params.clamp.high), value)]
    lines = [f"int32x4_t {value} = {centred(operand, params.input_zero_point)};"]
    if params.rescale.shift > 0:
        lines.append(f"{value} = vshlq_n_s32({value}, {params.rescale.shift});")
    return [*lines, *rescaled(value, params.rescale), *stored(params.output_zero_point, params.clamp, value)]
