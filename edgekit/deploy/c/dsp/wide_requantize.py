"""Requantization of int16 activations with one SMMULR: the same values as TensorFlow Lite's 64-bit rescaling.

TensorFlow Lite keeps a sum s in 64 bits and scales it by 16 bits of the factor: ⌊(s·m + 2^(t−1)) / 2^t⌋. Where s
cannot leave 32 bits and 16 ≤ t ≤ 32, that is ⌊(s·m·2^(32−t) + 2³¹) / 2³²⌋: one SMMULR, or on Helium one VRMULH. How far
s can go is known from the weights themselves, the largest activation and the bias.

A channel that is 0 whatever comes in needs no sum in 32 bits: its factor is 0. So has a channel without weights, whose
output is a constant: a bias of 2¹⁶ times that, times 2¹⁶.
"""

from __future__ import annotations

import numpy as np

from edgekit.deploy.c.accumulate import paren
from edgekit.graph.integer.fixed_point import multiply_wide
from edgekit.graph.integer.params import Accumulate

LARGEST = 1 << 15
"""Magnitude of an activation."""
_LIMIT = 1 << 31


def applies(arithmetic: Accumulate, channel_axis: int) -> bool:
    """Every channel is one of those above, and USAT or SSAT clips as the layer wants it."""
    clamps = (arithmetic.clamp.low, arithmetic.clamp.high) in ((-LARGEST, LARGEST - 1), (0, LARGEST - 1))
    return clamps and channel_words(arithmetic, channel_axis) is not None


def channel_words(arithmetic: Accumulate, channel_axis: int) -> np.ndarray | None:
    """Bias and m·2^(32−t) of every channel, int64 [O, 2] that fit int32; None where one channel has none."""
    bias, reach = arithmetic.bias.astype(np.int64), _reach(arithmetic, channel_axis)
    multiplier, total = arithmetic.multiplier.astype(np.int64), 15 - arithmetic.shift.astype(np.int64)
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    low, high = (
        arithmetic.clamp(multiply_wide(bias + side, multiplier, arithmetic.shift)).astype(np.int64)
        for side in (-reach, reach)
    )
    scaled = (np.abs(bias) + reach < _LIMIT) & (total >= 16) & (total <= 32)
    constant = (low == high) & ((low == 0) | (reach == 0)) & (reach < _LIMIT)
    if not np.all(scaled | constant):
        return None
    factor = np.where(scaled, reduced << np.clip(32 - total, 0, 16), np.where(low == 0, 0, 1 << 16))
    return np.stack([np.where(scaled, bias, low << 16), factor], axis=1)


def in_32_bits(arithmetic: Accumulate, channel_axis: int) -> bool:
    """No sum of any channel, nor a part of it, can leave 32 bits."""
    most = np.abs(arithmetic.bias.astype(np.int64)) + _reach(arithmetic, channel_axis)
    return bool(most.max() < _LIMIT)


def _reach(arithmetic: Accumulate, channel_axis: int) -> np.ndarray:
    """How far the products of every channel can go, int64 [O]."""
    flat = np.moveaxis(arithmetic.weights.astype(np.int64), channel_axis, 0).reshape(arithmetic.bias.size, -1)
    reach: np.ndarray = np.abs(flat).sum(axis=1) * LARGEST
    return reach


def instructions(arithmetic: Accumulate, total: str, factor: str) -> list[str]:
    """``total`` = the int16 output of the sum in ``total``."""
    end = f"usat {total}, #15, {total}" if arithmetic.clamp.low == 0 else f"ssat {total}, #16, {total}"
    return [f"smmulr {total}, {total}, {factor}", end]


def value(arithmetic: Accumulate, total: str, factor: str) -> str:
    """The same as a C expression."""
    return f"clamp16(dsp_high_plus({total}, {factor}, 0), {paren(arithmetic.clamp.low)}, {arithmetic.clamp.high})"
