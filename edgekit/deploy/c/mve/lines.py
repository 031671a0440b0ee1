"""Requantization in Helium assembly: vectors of four int32 sums, narrowed in pairs to eight int16 lanes, or to bytes.

The same values as requantize.finish(), and for int16 those of dsp/wide_requantize.py. One vector's values take the
lower halves of the lanes, the other's the upper ones, so that half as many instructions narrow, add the zero point and
store.
"""

from __future__ import annotations

from edgekit.deploy.c.dsp.assembly import constant
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.rounding import ONCE

SAVE = "vpush {d8, d9, d10, d11, d12, d13, d14, d15}"
RESTORE = "vpop {d8, d9, d10, d11, d12, d13, d14, d15}"
"""Of the vectors that callees keep: 64 bytes."""


def rescale(arithmetic: Accumulate, sums: str, factor: str, power: str, free: str) -> list[str]:
    """``sums`` times the factor, rounded as requantize.py says; ``free`` is a vector that may be overwritten.

    Factor and power of two are core registers, or vectors with a lane for each sum; for int16 the factor is a vector.
    """
    if arithmetic.clamp.dtype == "int16":
        return [f"vrmulh.s32 {sums}, {sums}, {factor}"]
    once = arithmetic.rounding == ONCE
    lines = [f"{'vqdmulh' if once else 'vqrdmulh'}.s32 {sums}, {sums}, {factor}"]
    if arithmetic.clamp.low < arithmetic.output_zero_point and not once:
        lines += [f"vshr.s32 {free}, {sums}, #31", f"vadd.i32 {sums}, {sums}, {free}"]
    in_place = f"vrshl.s32 {sums}, {power}"
    return [*lines, f"vrshl.s32 {sums}, {sums}, {power}" if power.startswith("q") else in_place]


def narrow(lower: str, upper: str | None) -> list[str]:
    """int16 lanes in ``lower``: its own int32 in the lower halves, those of ``upper`` in the upper ones, saturated."""
    lines = [f"vqmovnb.s32 {lower}, {lower}"]
    return lines if upper is None else [*lines, f"vqmovnt.s32 {lower}, {upper}"]


def constant16(vector: str, value: int) -> str:
    """``vector`` = ``value`` in all int16 lanes, an int8."""
    return f"vmov.i16 {vector}, #{value}" if value >= 0 else f"vmvn.i16 {vector}, #{-value - 1}"


def to_element(arithmetic: Accumulate, values: str, zero: str) -> list[str]:
    """Zero point and clamp of int16 lanes; an int8 in each lower byte, or an int16.

    Args:
        arithmetic: whose zero point and clamp are constants in the text.
        values: the vector.
        zero: vector that holds the zero point (constant16), before and after.
    """
    clamp = arithmetic.clamp
    if clamp.dtype == "int16":
        return [f"vmax.s16 {values}, {values}, {zero}"] if clamp.low == 0 else []
    lines = [f"vqadd.s16 {values}, {values}, {zero}"]
    if clamp.low > -128:
        lines += [constant16(zero, clamp.low), f"vmax.s16 {values}, {values}, {zero}"]
    if clamp.high < 127:
        lines += [constant16(zero, clamp.high), f"vmin.s16 {values}, {values}, {zero}"]
    if len(lines) > 1:
        lines.append(constant16(zero, arithmetic.output_zero_point))
    return [*lines, f"vqmovnb.s16 {values}, {values}"]


def places32(vector: str, step: int, counter: str) -> list[str]:
    """``vector`` = the offsets of four stored elements, i · step bytes; ``counter`` as in places16()."""
    return [
        f"mov {counter}, #0", f"vidup.u32 {vector}, {counter}, #1", *constant(counter, step),
        f"vmul.i32 {vector}, {vector}, {counter}",
    ]  # fmt: skip


def places16(vector: str, step: int, across: int, counter: str) -> list[str]:
    """``vector`` = the offsets of eight stored elements: i · step in lower halves, ``across`` more in upper ones.

    ``counter`` is an even core register that may be overwritten.
    """
    both = [*constant(counter, across << 16), f"vadd.i32 {vector}, {vector}, {counter}"]
    return [*places32(vector, step * 0x10001, counter), *both]


def add(register: str, value: int) -> list[str]:
    """``register += value`` (either sign) without another register: eight bits at a time where one add is too short."""
    name, size = ("add" if value > 0 else "sub"), abs(value)
    if size <= 4095:
        return [f"{name} {register}, {register}, #{size}"] if size else []
    piece = size & (0xFF * (size & -size))
    return [f"{name} {register}, {register}, #{piece}", *add(register, (size - piece) * (1 if value > 0 else -1))]
