"""Fake quantization in torch: integer steps that carry gradients, and activation scales that are learned.

An activation of the twin (quantize/twin.py) is a tensor of whole numbers and a scale, as on the device; rounding is
passed straight through by the gradient. With x = steps · scale, the gradient of the scale is that of Learned Step Size
Quantization: round(x/s) − x/s within the range of the integers, the clipped step outside (Esser et al. 2020,
equation 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.graph.rounding import ONCE, Rounding


@dataclass(frozen=True)
class Grid:
    """The integers that an activation is stored as, apart from its scale.

    Attributes:
        zero_point: the integer that is real 0.
        width: "int8" or "int16".
    """

    zero_point: int
    width: str = "int8"

    def bounds(self, activation: str = "none", scale: float = 1.0) -> tuple[int, int]:
        """Least and largest q − zero_point, with a fused activation at ``scale``."""
        limits = np.iinfo(self.width)
        low, high = int(limits.min) - self.zero_point, int(limits.max) - self.zero_point
        if activation != "none":
            low = max(low, 0)
        if activation == "relu6":
            high = min(high, int(6.0 / scale + 0.5))
        return low, high


@dataclass(frozen=True, eq=False)
class Steps:
    """An activation as the integer kernels see it.

    Attributes:
        values: float32 [N, *dims] of whole numbers, q − zero_point.
        scale: float32 scalar.
        grid: its zero point and width.
    """

    values: Tensor
    scale: Tensor
    grid: Grid

    @property
    def real(self) -> Tensor:
        """What the steps stand for, float32 [N, *dims]."""
        return self.values * self.scale


class _Straight(torch.autograd.Function):
    """The second argument's values with the first argument's gradient (Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor) -> Tensor:
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight(x: Tensor, values: Tensor) -> Tensor:
    """``values`` in the forward direction, the identity of ``x`` backwards."""
    out: Tensor = _Straight.apply(x, values)  # type: ignore[no-untyped-call]
    return out


class _Clipped(torch.autograd.Function):
    """Clipped values with a gradient within the bounds: ``torch.clamp`` in a fifth of its time on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bounds = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradients[0], x, *ctx.bounds), None, None


def clipped(x: Tensor, low: float, high: float) -> Tensor:
    """``x`` between ``low`` and ``high``; no gradient at or beyond them."""
    out: Tensor = _Clipped.apply(x, low, high)  # type: ignore[no-untyped-call]
    return out


def half_away(x: Tensor) -> Tensor:
    """Nearest whole number, halves away from zero, as requantization rounds; not by the slow ``trunc``."""
    return torch.copysign(x.abs().add_(0.5).floor_(), x)


def requantize(
    ratio: Tensor, scale: Tensor, grid: Grid, activation: str = "none", exact: Tensor | None = None
) -> Steps:
    """Steps of an output from its quotient by the scale.

    Args:
        ratio: float32 [N, *dims], real value / scale, not yet rounded; the gradient's path.
        scale: of the output.
        grid: of the output.
        activation: "none", "relu" or "relu6", clipped in steps as the kernels do.
        exact: q − zero_point as the integer kernel gives it, where that is known; otherwise ``ratio`` is rounded.
    """
    within = clipped(ratio, *grid.bounds(activation, float(scale.detach())))
    with torch.no_grad():
        values = half_away(within) if exact is None else exact.to(within.dtype)
    return Steps(straight(within, values), scale, grid)


def unrounded(ratio: Tensor, scale: Tensor, grid: Grid, activation: str = "none") -> Steps:
    """An output left in float: steps that are not whole, clipped by the activation alone."""
    if activation == "none":
        return Steps(ratio, scale, grid)
    return Steps(torch.clamp(ratio, 0.0, 6.0 / float(scale) if activation == "relu6" else None), scale, grid)


def rescaled(sums: Tensor, factors: Tensor, rounding: Rounding) -> Tensor:
    """Whole sums [..., O] times real factors [O] with the rounding of the integer kernels, int64.

    :func:`edgekit.graph.integer.params_arithmetic.multiplied` on any device.

    Args:
        sums: whole numbers, float32 or float64, exact.
        factors: float64, input scale × weight scale / output scale of each channel, below 2³⁰.
        rounding: of the graph.
    """
    fraction, shift = torch.frexp(factors)
    multiplier = torch.floor(fraction * 2.0**31 + 0.5).to(torch.int64)
    shift = shift.to(torch.int64)
    full = multiplier == 1 << 31
    multiplier, shift = torch.where(full, multiplier >> 1, multiplier), torch.where(full, shift + 1, shift)
    multiplier = torch.where(shift < -31, torch.zeros_like(multiplier), multiplier)
    if rounding == ONCE:
        total = 31 - shift.clamp_min(-31)
        return (sums.to(torch.int64) * multiplier + (torch.ones_like(total) << (total - 1))) >> total
    left, right = shift.clamp_min(0), (-shift).clamp(0, 31)
    high = ((sums.to(torch.int64) << left) * multiplier + (1 << 30)) >> 31
    half = (torch.ones_like(right) << right) >> 1
    return (high + half - (high < 0).to(torch.int64) * half.clamp_max(1)) >> right


class LearnedScale(nn.Module):
    """One activation scale (of a group that shares it), learned as a factor of where calibration put it.

    The factor is kept as a logarithm: it stays positive, and a step of the optimiser is relative to the scale.

    Args:
        scale: where calibration put it.
        grid: stays; its zero point is what makes real 0 exact.
        elements: activation values a clip that use the scale; the gradient is divided by the root of
            elements · largest integer (Esser et al. 2020, section 2.2).
    """

    start: Tensor
    zero_point: Tensor

    def __init__(self, scale: float, grid: Grid, elements: int) -> None:
        super().__init__()
        self.register_buffer("start", torch.tensor(scale, dtype=torch.float32))
        self.logarithm = nn.Parameter(torch.zeros(()))
        self.register_buffer("zero_point", torch.tensor(grid.zero_point))
        self.width = grid.width
        self.slowdown = float((elements * int(np.iinfo(grid.width).max)) ** -0.5)

    @property
    def grid(self) -> Grid:
        """Zero point and width."""
        return Grid(int(self.zero_point), self.width)

    def forward(self) -> Tensor:
        """The scale, float32 scalar; its gradient is slowed down."""
        slowed = self.logarithm * self.slowdown
        return self.start * torch.exp(slowed + (self.logarithm - slowed).detach())

    def value(self) -> float:
        """The scale as the integer graph stores it."""
        return float(self.forward().detach())


class FixedScale(nn.Module):
    """A scale that a kernel prescribes (softmax, logistic, tanh)."""

    start: Tensor
    zero_point: Tensor

    def __init__(self, scale: float, grid: Grid) -> None:
        super().__init__()
        self.register_buffer("start", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("zero_point", torch.tensor(grid.zero_point))
        self.width = grid.width

    @property
    def grid(self) -> Grid:
        """Zero point and width."""
        return Grid(int(self.zero_point), self.width)

    def forward(self) -> Tensor:
        """The scale, float32 scalar."""
        return self.start

    def value(self) -> float:
        """The scale as the integer graph stores it."""
        return float(self.start)
