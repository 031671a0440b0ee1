"""Log-mel features as other rooms, devices and voices give them: level, equaliser, telephone band, formants, masks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_POINTS = 5  # of the equaliser's curve


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How much is changed.

    Attributes:
        gain_db: level, up or down.
        equaliser_db: of each of five points over the bins.
        warp: of the bins' axis, as a share.
        telephone: share of stretches without the upper bins.
        mask_frames, mask_bins: longest mask of each stretch.
    """

    gain_db: float = 10.0
    equaliser_db: float = 5.0
    warp: float = 0.08
    telephone: float = 0.15
    mask_frames: int = 8
    mask_bins: int = 6


def varied(features: Tensor, floor: float, how: Variation, draw: torch.Generator) -> Tensor:
    """Features as they could have been.

    Args:
        features: float32 [N, frames, bins], log(energy + floor).
        floor: of the front-end.
        how: much.
        draw: random numbers.

    Returns:
        float32 [N, frames, bins].
    """
    count, frames, bins = features.shape
    energy = (features.exp() - floor).clamp_min_(0.0)
    energy = torch.bmm(energy, _warps(count, bins, how.warp, draw))
    out = (energy * _gains(count, bins, how, draw)[:, None] + floor).log_()
    quiet = math.log(floor)
    for axis, size, most in ((1, frames, how.mask_frames), (2, bins, how.mask_bins)):
        length = torch.randint(0, most + 1, (count, 1), generator=draw)
        first = torch.randint(0, size - most, (count, 1), generator=draw)
        place = torch.arange(size)
        hidden = (place >= first) & (place < first + length)
        out.masked_fill_(hidden.unsqueeze(3 - axis), quiet)
    return out


def _gains(count: int, bins: int, how: Variation, draw: torch.Generator) -> Tensor:
    """Gain of the energy in each bin: [N, bins]."""
    points = _even(how.equaliser_db, (count, 1, _POINTS), draw)
    curve = torch.nn.functional.interpolate(points, bins, mode="linear", align_corners=True)[:, 0]
    decibels = curve + _even(how.gain_db, (count, 1), draw)
    gains = torch.pow(10.0, decibels / 10.0)
    narrow = torch.rand((count, 1), generator=draw) < how.telephone
    edge = torch.randint(int(0.6 * bins), int(0.85 * bins), (count, 1), generator=draw)
    return gains.masked_fill(narrow & (torch.arange(bins) >= edge), 0.0)


def _warps(count: int, bins: int, most: float, draw: torch.Generator) -> Tensor:
    """Matrices [N, bins, bins] that read bin b between its neighbours at b · factor."""
    factor = 1.0 + _even(most, (count, 1), draw)
    place = (torch.arange(bins) * factor).clamp(max=bins - 1.0)  # [N, bins]: where each bin reads
    return (1.0 - (place[:, None, :] - torch.arange(bins)[None, :, None]).abs()).clamp_min_(0.0)


def _even(most: float, shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    return (2.0 * torch.rand(shape, generator=draw) - 1.0) * most
