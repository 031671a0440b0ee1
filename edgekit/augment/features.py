"""Augmentation of log-mel (or MFCC) batches [N, 1, H, W] in the spec's layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgekit.augment.spec import Augment
from edgekit.augment.transfer import on_device
from edgekit.augment.trim import trim_edges
from edgekit.augment.waveform import Draw, draw_factors
from edgekit.core.errors import BadConfigError
from edgekit.features.mel import hz_to_mel, mel_to_hz
from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec

_WARP_STEPS = 65
_EQUALISER_POINTS = 6


def check_augment(augment: Augment, spec: FrontendSpec) -> None:
    """Refuse what has no meaning for cepstra.

    Raises:
        BadConfigError: a frequency augmentation with an MFCC front-end, or a mel warp with a scalogram.
    """
    if spec.kind == "scalogram" and augment.formant_warp:
        raise BadConfigError("formant_warp needs a mel axis", where="recipe", mend="set augment.formant_warp=0")
    if spec.kind == "mfcc":
        for name in ("formant_warp", "equaliser_db", "frequency_masks", "mixstyle_probability", "trim_probability"):
            if getattr(augment, name):
                raise BadConfigError(f"augment.{name} needs mel bins", where="recipe", mend=f"set augment.{name}=0")


class FeatureAugment:
    """The feature part of :class:`Augment` for one front-end."""

    def __init__(self, augment: Augment, spec: FrontendSpec) -> None:
        check_augment(augment, spec)
        self.augment = augment
        self.spec = spec
        self._warps = warp_table(spec, augment.formant_warp) if augment.formant_warp else None
        # Axis of x[:, 0] on which time and frequency lie.
        self.time_axis = 2 if spec.layout == "time_freq" else 3
        self.frequency_axis = 5 - self.time_axis

    def __call__(self, x: Tensor, draw: Draw) -> Tensor:
        """All steps in order: trim, warp, equaliser, style, masks."""
        augment = self.augment
        if augment.trim_probability:
            x = trim_edges(x, draw, augment, self.spec, self.time_axis)
        if augment.stretch or self._warps is not None:
            x = self._warp(x, draw)
        if augment.equaliser_db:
            x = x + self._equaliser(x, draw)
        if augment.mixstyle_probability:
            x = mix_styles(x, draw, augment, self.time_axis)
        if augment.time_masks or augment.frequency_masks:
            x = self._mask(x, draw)
        return x

    def _warp(self, x: Tensor, draw: Draw) -> Tensor:
        """Stretch time and scale frequencies by bilinear interpolation; the edges are repeated."""
        count, frames, bins = len(x), x.shape[self.time_axis], x.shape[self.frequency_axis]
        factors = draw_factors(draw, self.augment.stretch, count)
        time = np.arange(frames)[None, :] * factors[:, None]
        if self._warps is not None:
            frequency = self._warps[draw.integers(0, len(self._warps), count)]
        else:
            frequency = np.broadcast_to(np.arange(bins, dtype=np.float64), (count, bins))
        rows, columns = (time, frequency) if self.time_axis == 2 else (frequency, time)
        height, width = x.shape[2:]
        # grid_sample wants (x, y) from -1 to 1
        gy = on_device(rows * (2.0 / max(1, height - 1)) - 1.0, x.device, x.dtype)
        gx = on_device(columns * (2.0 / max(1, width - 1)) - 1.0, x.device, x.dtype)
        grid = torch.stack([gx[:, None, :].expand(-1, height, -1), gy[:, :, None].expand(-1, -1, width)], dim=-1)
        return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)

    def _equaliser(self, x: Tensor, draw: Draw) -> Tensor:
        """A smooth random curve over the bins of each clip, in the features' own unit."""
        bins = x.shape[self.frequency_axis]
        points = draw.uniform(-1.0, 1.0, (len(x), _EQUALISER_POINTS)) * self.augment.equaliser_db
        position = np.linspace(0, _EQUALISER_POINTS - 1, bins)
        left = np.minimum(position.astype(int), _EQUALISER_POINTS - 2)
        share = position - left
        curve = points[:, left] * (1.0 - share) + points[:, left + 1] * share  # dB
        natural = np.log(10.0) / (10.0 if self.spec.power == 2 else 20.0)
        curve *= natural * log_factor(self.spec) / self.spec.std
        shape = [len(x), 1, 1, 1]
        shape[self.frequency_axis] = bins
        return on_device(curve, x.device, x.dtype).reshape(shape)

    def _mask(self, x: Tensor, draw: Draw) -> Tensor:
        """SpecAugment (Park et al., 2019): bands of frames and of bins are set to the batch's mean."""
        plan = (
            (self.time_axis, self.augment.time_masks, self.augment.time_mask_frames),
            (self.frequency_axis, self.augment.frequency_masks, self.augment.frequency_mask_bins),
        )
        hidden = torch.zeros_like(x, dtype=torch.bool)
        for axis, masks, widest in plan:
            size = x.shape[axis]
            for _ in range(masks):
                width = draw.integers(0, min(widest, size - 1) + 1, len(x))
                start = np.floor(draw.random(len(x)) * (size - width + 1)).astype(int)
                place = np.arange(size)[None, :]
                band = (place >= start[:, None]) & (place < (start + width)[:, None])
                shape = [len(x), 1, 1, 1]
                shape[axis] = size
                hidden |= on_device(band, x.device).reshape(shape)
        return torch.where(hidden, x.mean(), x)


def warp_table(spec: FrontendSpec, spread: float) -> np.ndarray:
    """Where each mel bin is read from when all frequencies are multiplied by a factor α.

    Rows are factors from 1/(1+spread) to 1+spread in equal steps of their logarithm; bin b with centre f is read at the
    (fractional) bin whose centre is f/α, within the range of the bins. Shape [65, mel_bins], float64.
    """
    low, high = hz_to_mel(np.array([spec.f_min, spec.f_max]), spec.mel_scale)
    step = (high - low) / (spec.mel_bins + 1)
    centres = mel_to_hz(low + step * np.arange(1, spec.mel_bins + 1), spec.mel_scale)
    factors = np.exp(np.linspace(-1.0, 1.0, _WARP_STEPS) * np.log1p(spread))
    sources = (hz_to_mel(centres[None, :] / factors[:, None], spec.mel_scale) - low) / step - 1.0
    out: np.ndarray = np.clip(sources, 0.0, spec.mel_bins - 1.0)
    return out


def mix_styles(x: Tensor, draw: Draw, augment: Augment, time_axis: int) -> Tensor:
    """Freq-MixStyle (Schmid et al., DCASE 2022): statistics of every bin over time, blended in random pairs.

    With a clip's μ and σ over time and a partner's μ', σ': (x − μ)/σ · (λσ + (1−λ)σ') + λμ + (1−λ)μ',
    λ ~ Beta(α, α), ε = 1e-6 in σ; the whole batch or none of it. ``mixstyle_over = "all"`` is MixStyle (Zhou et al.,
    ICLR 2021) on features, which have one channel: μ and σ of the whole clip.
    """
    axes = (time_axis,) if augment.mixstyle_over == "time" else (2, 3)
    happens = draw.random() < augment.mixstyle_probability
    share = draw.beta(augment.mixstyle_alpha, augment.mixstyle_alpha, (len(x), 1, 1, 1))
    partner = on_device(draw.permutation(len(x)), x.device)
    if not happens:
        return x
    weight = on_device(share, x.device, x.dtype)
    mean = x.mean(axes, keepdim=True)
    centred = x - mean
    deviation = (centred.square().mean(axes, keepdim=True) + 1e-6).sqrt()
    mixed_mean = weight * mean + (1.0 - weight) * mean[partner]
    mixed_deviation = weight * deviation + (1.0 - weight) * deviation[partner]
    return torch.addcmul(mixed_mean, centred, mixed_deviation / deviation)


@dataclass(frozen=True, eq=False)
class Pairing:
    """Which clips of a batch are blended, and how much of the first is in it.

    Attributes:
        weight: [N], share of the clip itself, at least a half.
        partner: int64 [N].
    """

    weight: Tensor
    partner: Tensor

    def blend(self, x: Tensor) -> Tensor:
        """weight·x + (1 − weight)·x[partner] for values [N, …] of each clip."""
        wide = self.weight.reshape(-1, *[1] * (x.dim() - 1))
        return wide * x + (1.0 - wide) * x[self.partner]


def draw_pairing(count: int, draw: Draw, augment: Augment, device: torch.device) -> Pairing | None:
    """The pairs of one batch of ``count`` clips; None where this batch is not mixed."""
    happens = draw.random() < augment.mixup_probability
    share = draw.beta(augment.mixup_alpha, augment.mixup_alpha, count)
    partner = on_device(draw.permutation(count), device)
    weight = on_device(np.maximum(share, 1.0 - share), device, torch.float32)
    return Pairing(weight, partner) if happens else None
