"""Real factors as integers: a multiplier in [2³⁰, 2³¹) (or 0) and a shift s stand for multiplier · 2^(s − 31).

Rounded twice, s > 0 shifts left before the doubling high multiplication, s < 0 shifts right, rounding, after it
(fixed_point.multiply_by_quantized_multiplier); rounded once, the whole product is shifted right
(fixed_point.multiply_rounding_once).
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.integer.fixed_point import (
    Int64,
    multiply_by_quantized_multiplier,
    multiply_rounding_once,
    quantize_multiplier,
)
from edgekit.graph.rounding import ONCE, TWICE, Rounding

LARGEST_ONCE = ((1 << 31) - 1, 30)
"""Multiplier and shift of factors that one rounding does not reach (QuantizeMultiplier)."""


def multiplier_of(real: float, rounding: Rounding) -> tuple[int, int]:
    """A real factor as multiplier and shift for that rounding (TensorFlow Lite QuantizeMultiplier).

    Raises:
        BadFileError: as :func:`~edgekit.graph.integer.fixed_point.quantize_multiplier`.
    """
    multiplier, shift = quantize_multiplier(real)
    return LARGEST_ONCE if rounding == ONCE and shift > LARGEST_ONCE[1] else (multiplier, shift)


@dataclass(frozen=True)
class Rescale:
    """One real factor as multiplier and shift, and how a product with it is rounded."""

    multiplier: int
    shift: int
    rounding: Rounding = TWICE

    @property
    def is_half(self) -> bool:
        """The factor is one half."""
        return (self.multiplier, self.shift) == (1 << 30, 0)

    def __call__(self, x: Int64) -> Int64:
        """int32 values times the factor."""
        return multiplied(x, self.multiplier, self.shift, self.rounding)


def multiplied(x: Int64, multiplier: Int64 | int, shift: Int64 | int, rounding: Rounding) -> Int64:
    """int32 values times multiplier · 2^(shift − 31), rounded so; all broadcast."""
    multiply = multiply_rounding_once if rounding == ONCE else multiply_by_quantized_multiplier
    return multiply(x, multiplier, shift)
