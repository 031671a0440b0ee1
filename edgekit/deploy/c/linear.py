"""Requantization without its two roundings where a plain linear form gives the same bytes, proven for every input.

TensorFlow Lite rescales an int8 value by a 31-bit factor and rounds twice. Of one int8 value there are 256 inputs, of
two 65,536: whether ``(a·x + b·z + c) >> s`` gives the reference's byte for each of them is a finite question. For
factors near the real ones the constants c that serve lie between the largest of ``q·2^s − a·x − b·z`` and the smallest
of ``(q + 1)·2^s − 1 − a·x − b·z``, q being the reference's bytes; where that interval is empty for all the factors
tried there is no form, and the caller keeps its other kernel. The bytes at either end of the range have one bound only:
the form saturates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

SHIFTS = (23, 22, 21, 20, 19, 18, 17, 16)
"""Tried in this order: the finest that keeps the sum in int32."""
NEAR = 6
"""Factors up to so far from the real ones are tried."""
TILT = 32
"""The factor of one input is sought up to 1/TILT from the real one: a tilt takes halves away from zero, too."""
_INT8 = np.arange(-128, 128, dtype=np.int64)
_LIMIT = (1 << 31) - 1
_FAR = 1 << 50


@dataclass(frozen=True)
class Linear:
    """q = clip8((first·x + second·z + constant) >> shift); ``second`` is 0 of one input."""

    first: int
    second: int
    constant: int
    shift: int


def linear_of_one(
    x: np.ndarray, q: np.ndarray, real: float, low: int = -128, shifts: Iterable[int] = SHIFTS
) -> Linear | None:
    """The form of bytes q over ascending integers x.

    Args:
        x: int64 [n].
        q: int64 [n], clipped to low … 127.
        real: the factor as a real number.
        low: what a fused activation clips to; it is applied behind the form.
        shifts: to try.
    """
    reach = int(np.abs(x).max(initial=0))
    for shift in shifts:
        one = 1 << shift
        least_sum = np.where(q > low, q * one, -_FAR)
        most_sum = np.where(q < 127, (q + 1) * one - 1, _FAR)
        first = _widest(x, least_sum, most_sum, round(real * one))
        least, most = int((least_sum - first * x).max()), int((most_sum - first * x).min())
        middle = (least + most) // 2
        if least <= most and abs(first) * reach + abs(middle) <= _LIMIT:
            return Linear(first, 0, middle, shift)
    return None


def _widest(x: np.ndarray, least_sum: np.ndarray, most_sum: np.ndarray, near: int) -> int:
    """The factor whose interval of constants is widest: the width is concave in the factor, so that thirds find it."""

    def width(first: int) -> int:
        return int((most_sum - first * x).min() - (least_sum - first * x).max())

    low, high = near - abs(near) // TILT - 1, near + abs(near) // TILT + 1
    while high - low > 2:
        third = (high - low) // 3
        if width(low + third) < width(high - third):
            low += third
        else:
            high -= third
    return max(range(low, high + 1), key=width)


def linear_of_two(q: np.ndarray, real: tuple[float, float], low: int = -128) -> Linear | None:
    """The form of the bytes [256, 256] of x and z from −128 to 127; other arguments as :func:`linear_of_one`."""
    border = _borders(q)
    rows, columns = np.nonzero(border)
    pairs = [(i, j) for i in range(-NEAR, NEAR + 1) for j in range(-NEAR, NEAR + 1)]
    pairs.sort(key=lambda pair: pair[0] ** 2 + pair[1] ** 2)
    return _found(_INT8[rows], _INT8[columns], q[border], real, low, SHIFTS, pairs)


def _borders(q: np.ndarray) -> np.ndarray:
    """Entries next to another byte, or at the table's edge: along either axis the rest lie between two of these, and
    both the reference and the form rise or fall from one to the other.
    """
    found = np.ones(q.shape, bool)
    found[1:-1, 1:-1] = False
    for axis in (0, 1):
        differ = np.diff(q, axis=axis) != 0
        none = np.zeros_like(np.take(q, [0], axis), bool)
        found |= np.concatenate([differ, none], axis) | np.concatenate([none, differ], axis)
    return found


def _found(
    x: np.ndarray,
    z: np.ndarray,
    q: np.ndarray,
    real: tuple[float, float],
    low: int,
    shifts: Iterable[int],
    pairs: list[tuple[int, int]],
) -> Linear | None:
    span = [int(np.abs(values).max(initial=0)) for values in (x, z)]
    for shift in shifts:
        one = 1 << shift
        least_sum = np.where(q > low, q * one, -_FAR)
        most_sum = np.where(q < 127, (q + 1) * one - 1, _FAR)
        for near_first, near_second in pairs:
            first, second = round(real[0] * one) + near_first, round(real[1] * one) + near_second
            products = first * x + second * z
            least, most = int((least_sum - products).max()), int((most_sum - products).min())
            middle = (least + most) // 2
            if least <= most and abs(first) * span[0] + abs(second) * span[1] + abs(middle) <= _LIMIT:
                return Linear(first, second, middle, shift)
    return None


def _saturated(shift: int) -> str:
    return f"""\
/* x / 2^{shift} rounded down, saturated to int8: SSAT. */
__attribute__((unused)) static inline int32_t linear_{shift}(int32_t x) {{
#if defined(__ARM_FEATURE_DSP)
    int32_t result;
    __asm__("ssat %0, #8, %1, asr #{shift}" : "=r"(result) : "r"(x));
    return result;
#else
    x >>= {shift};
    return x < -128 ? -128 : (x > 127 ? 127 : x);
#endif
}}
"""


LINEAR_HELPERS: Mapping[str, str] = MappingProxyType({f"linear_{shift}": _saturated(shift) for shift in SHIFTS})
"""C functions that end a form, by name."""


def ended(value: str, shift: int, low: int = -128) -> str:
    """A C expression: the byte of a form's sum ``value``."""
    byte = f"linear_{shift}({value})"
    return f"(int8_t){byte}" if low == -128 else f"clamp({byte}, {low}, 127)"
