"""Whole functions in Thumb-2 assembly with a C twin: for inner loops that need every register.

A naked function has no prologue of the compiler's: arguments are in r0 to r3, and the text saves what it must
(Procedure Call Standard for the Arm Architecture). So the instructions are the same whatever the compiler and flags.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.rounding import ONCE

_FUNCTION = """\
/* @comment@ */
#if defined(__ARM_FEATURE_@feature@)
__attribute__((naked, noinline)) static void @self@(@unused@) {
    __asm__(
        ".syntax unified\\n\\t"
@lines@    );
}
#else
static void @self@(@parameters@) {
@twin@}
#endif
"""


def function(
    comment: str, parameters: Sequence[str], lines: Sequence[str], twin: str, feature: Literal["DSP", "MVE"] = "DSP"
) -> str:
    """Text of a function: ``lines`` of assembly on cores with an extension, the C statements ``twin`` elsewhere.

    Args:
        comment: what it does.
        parameters: up to four declarations of pointers.
        lines: instructions and labels; the last returns.
        twin: body in C, not indented.
        feature: the extension.
    """
    text = "".join(f'        "{line}\\n\\t"\n' for line in lines)
    unused = ", ".join(f"{parameter} __attribute__((unused))" for parameter in parameters)
    return fill(
        _FUNCTION, self="@self@", comment=comment, unused=unused, lines=text, parameters=", ".join(parameters),
        twin=indent(twin), feature=feature,
    )  # fmt: skip


def add(register: str, value: int, free: str) -> list[str]:
    """``register += value`` for 0 ≤ value < 2³²; ``free`` may be overwritten."""
    if value <= 4095:
        return [f"add {register}, {register}, #{value}"]
    return [*constant(free, value), f"add {register}, {register}, {free}"]


def subtract(register: str, value: int, free: str) -> list[str]:
    """``register -= value``, as :func:`add`."""
    if value <= 4095:
        return [f"sub {register}, {register}, #{value}"]
    return [*constant(free, value), f"sub {register}, {register}, {free}"]


def constant(register: str, value: int) -> list[str]:
    """``register = value``, an int32."""
    if -256 <= value < 0:
        return [f"mvn {register}, #{-value - 1}"]
    word = value & 0xFFFFFFFF
    high = [f"movt {register}, #{word >> 16}"] if word >> 16 else []
    return [f"movw {register}, #{word & 0xFFFF}", *high]


def requantize(arithmetic: Accumulate, total: str, multiplier: str, shift: str, zero: str) -> list[str]:
    """``total`` = the int8 output of twice the sum in ``total``: requantize.finish() as instructions."""
    clamp = arithmetic.clamp
    if arithmetic.rounding == ONCE:
        lines = [f"smmla {total}, {total}, {multiplier}, {zero}"]
    elif clamp.low >= arithmetic.output_zero_point:
        lines = [f"smmlar {total}, {total}, {multiplier}, {zero}"]
    else:
        lines = [
            f"smmulr {total}, {total}, {multiplier}",
            f"add {total}, {total}, {total}, asr #31",
            f"add {total}, {total}, {zero}",
        ]
    lines += [f"asr {total}, {total}, {shift}", f"ssat {total}, #8, {total}, asr #1"]
    if clamp.low > -128:
        lines += [f"cmn {total}, #{-clamp.low}" if clamp.low < 0 else f"cmp {total}, #{clamp.low}", "it lt"]
        lines += [f"mvnlt {total}, #{-clamp.low - 1}" if clamp.low < 0 else f"movlt {total}, #{clamp.low}"]
    if clamp.high < 127:
        lines += [f"cmn {total}, #{-clamp.high}" if clamp.high < 0 else f"cmp {total}, #{clamp.high}", "it gt"]
        lines += [f"mvngt {total}, #{-clamp.high - 1}" if clamp.high < 0 else f"movgt {total}, #{clamp.high}"]
    return lines


def zero_of(arithmetic: Accumulate, register: str, shift: str) -> list[str]:
    """``register`` = the output's zero point, so large that the shift by ``shift`` leaves twice it plus one."""
    return [*constant(register, 2 * arithmetic.output_zero_point + 1), f"lsl {register}, {register}, {shift}"]
