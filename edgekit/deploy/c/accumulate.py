"""Channel tables and the requantization expression that conv2d, depthwise_conv2d and fully_connected share."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.text import array_lines, int32
from edgekit.graph.integer.params import Accumulate, Rescale
from edgekit.graph.rounding import ONCE

INT32_MAX = (1 << 31) - 1


def channel_table(name: str, arithmetic: Accumulate, channel_axis: int, where: str) -> str:
    """Definition of a layer's ``channel`` array: folded bias, multiplier, shift a row.

    Raises:
        UnsupportedOpError: a sum of products could leave int32 for some input.
    """
    weights = np.moveaxis(arithmetic.weights.astype(np.int64), channel_axis, 0)
    reach = np.abs(weights.reshape(weights.shape[0], -1)).sum(axis=1) * 128
    bias = arithmetic.folded_bias.astype(np.int64)
    if np.any(np.abs(bias) + reach > INT32_MAX):
        raise UnsupportedOpError(
            "the int32 accumulator can overflow", where=where, mend="check the bias scale, or use fewer inputs"
        )
    rows = zip(bias.tolist(), arithmetic.multiplier.tolist(), _shifts(arithmetic), strict=True)
    cells = [f"{{{int32(b)}, {int32(m)}, {s}}}" for b, m, s in rows]
    return f"static const channel {name}[{len(cells)}] = {{\n{array_lines(cells)}\n}};\n"


def finish(arithmetic: Accumulate, total: str, row: str) -> str:
    """A C expression: the int8 output from accumulator ``total`` and ``row``, a pointer to its ``channel``.

    Zero point and bounds are constants in the text: the compiler then saturates with one instruction and layers that
    share them share the code.
    """
    clamp, zero = arithmetic.clamp, arithmetic.output_zero_point
    function = "rescale_right" if only_right_shifts(arithmetic) else "rescale"
    scaled = f"{function}({total}, {row}->multiplier, {row}->shift)"
    return f"clamp({scaled} + {paren(zero)}, {paren(clamp.low)}, {paren(clamp.high)})"


def only_right_shifts(arithmetic: Accumulate) -> bool:
    """Every channel's factor is below one half: the cheap rounding applies (a zero multiplier takes any shift)."""
    return bool(np.all((arithmetic.shift <= -1) | (arithmetic.multiplier == 0)))


def paren(value: int) -> str:
    """An integer constant; negative ones in parentheses."""
    return f"({value})" if value < 0 else str(value)


def _shifts(arithmetic: Accumulate) -> list[int]:
    shifts = arithmetic.shift.astype(np.int64)
    if only_right_shifts(arithmetic):
        shifts = np.where(arithmetic.multiplier == 0, 0, -shifts - 1)
    return [int(shift) for shift in shifts]


def scaled(value: str, how: Rescale, doubled: str = "") -> str:
    """A C expression: ``value`` times a factor, rounded as the factor says (fixed_point.py).

    Args:
        value: an expression without side effects.
        how: the factor.
        doubled: twice the value, where it fits int32 and the core has DSP instructions: SMMULR then multiplies and
            rounds (dsp/requantize.py says why that is the same).
    """
    right = -how.shift - 1
    if doubled and how.rounding == ONCE and how.shift < 0:
        return f"(dsp_high_floor({doubled}, {how.multiplier}, {1 << right}) >> {right + 1})"
    if doubled and how.shift <= 0:
        high = f"dsp_high_plus({doubled}, {how.multiplier}, 0)"
        return high if how.shift == 0 else f"dsp_divide({high}, {right})"
    if how.shift <= -1:
        return f"rescale_right({value}, {how.multiplier}, {right})"
    return f"rescale({value}, {how.multiplier}, {paren(how.shift)})"
