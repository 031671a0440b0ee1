"""Augmentation of waveforms, a whole batch at a time on any device.

What is random is drawn by a numpy Generator on the host (a few numbers a clip), so that every device sees the same
draws.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgekit.augment.colours import SLOPES, coloured_noise
from edgekit.augment.spec import Augment
from edgekit.augment.transfer import on_device

_NOISE_SECONDS = 8
_SILENCE_RMS = 1e-4  # -80 dBFS: below it a clip has no level to set a noise level against
_QUIET_DB = (-70.0, -35.0)  # level of the noise in such a clip, dBFS

Draw = np.random.Generator


def source_samples(augment: Augment, samples: int) -> int:
    """Samples that :func:`resample` needs to fill ``samples`` at the highest speed."""
    return int(np.ceil(samples * (1.0 + augment.speed))) + 1 if augment.speed else samples


def draw_factors(draw: Draw, spread: float, count: int) -> np.ndarray:
    """``count`` factors from 1/(1+spread) to 1+spread, uniform in their logarithm, float64."""
    limit = np.log1p(spread)
    factors: np.ndarray = np.exp(draw.uniform(-limit, limit, count))
    return factors


def resample(pcm: Tensor, speeds: Tensor, samples: int) -> Tensor:
    """Each clip played ``speeds`` times as fast: [N, n] → [N, samples], linear interpolation, zeros beyond the end."""
    position = torch.arange(samples, device=pcm.device, dtype=torch.float32) * speeds[:, None].to(torch.float32)
    left = position.floor()
    share = position - left
    index = left.long()
    last = pcm.shape[1] - 2
    inside = index <= last
    index = index.clamp_(max=last)
    mixed = torch.lerp(pcm.gather(1, index), pcm.gather(1, index + 1), share)
    return mixed * inside


def roll_clips(pcm: Tensor, draw: Draw, most: int) -> Tensor:
    """Each clip of [N, samples] rolled by up to ``most`` samples either way (PaSST's training rolls by 10,000)."""
    by = on_device(draw.integers(-most, most + 1, len(pcm)), pcm.device)
    place = torch.arange(pcm.shape[1], device=pcm.device)
    return pcm.gather(1, (place - by[:, None]) % pcm.shape[1])


def scale_levels(pcm: Tensor, draw: Draw, gain_db: float) -> Tensor:
    """Each clip louder or softer by up to ``gain_db``, clipped to [-1, 1) as a converter would."""
    gains = 10.0 ** (draw.uniform(-gain_db, gain_db, len(pcm)) / 20.0)
    return (pcm * on_device(gains, pcm.device, pcm.dtype)[:, None]).clamp_(-1.0, 1.0 - 2.0**-15)


class NoiseBank:
    """A store of noise from which random stretches are mixed in.

    Args:
        sample_rate: Hz.
        samples: length of the clips that get noise.
        recordings: float32 [n], recorded background that is used besides the synthetic colours; may be empty.
        seed: of the synthetic colours.
    """

    def __init__(self, sample_rate: int, samples: int, recordings: np.ndarray, seed: int) -> None:
        length = max(_NOISE_SECONDS * sample_rate, 2 * samples)
        draw = np.random.default_rng([seed, 0x4E015E])
        rows = [coloured_noise(draw, length, slope) for slope in SLOPES]
        if recordings.size:
            # As many rows as colours, so that half of the noise is recorded.
            rows += [_stretch(recordings, length, draw) for _ in SLOPES]
        self.samples = samples
        self.rows = torch.from_numpy(np.stack(rows).astype(np.float32))

    def mix(self, pcm: Tensor, draw: Draw, probability: float, snr_db: tuple[float, float]) -> Tensor:
        """``pcm`` [N, samples] with noise in a share ``probability`` of the clips, at a ratio from ``snr_db``."""
        count = len(pcm)
        chosen = draw.random(count) < probability
        row = draw.integers(0, len(self.rows), count)
        start = draw.integers(0, self.rows.shape[1] - self.samples + 1, count)
        ratio = draw.uniform(*snr_db, count)
        quiet = 10.0 ** (draw.uniform(*_QUIET_DB, count) / 20.0)
        if not chosen.any():
            return pcm
        views = self.rows.unfold(1, self.samples, 1)
        noise = views[on_device(row, self.rows.device), on_device(start, self.rows.device)].to(pcm.device)
        noise = noise / noise.square().mean(1, keepdim=True).sqrt().clamp_min(1e-8)
        level = _active_rms(pcm)
        wanted = level * on_device(10.0 ** (-ratio / 20.0), pcm.device, pcm.dtype)
        floor = on_device(quiet, pcm.device, pcm.dtype)
        amount = torch.where(level > _SILENCE_RMS, wanted, floor) * on_device(chosen, pcm.device)
        return (pcm + amount[:, None] * noise).clamp_(-1.0, 1.0 - 2.0**-15)


def _active_rms(pcm: Tensor) -> Tensor:
    """Root mean square over the samples that are not the zeros of padding: [N, n] → [N]."""
    active = (pcm != 0).sum(1).clamp_min(1)
    return (pcm.square().sum(1) / active).sqrt()


def _stretch(recordings: np.ndarray, length: int, draw: Draw) -> np.ndarray:
    """``length`` samples of the recordings from a random place on, repeated when they are shorter."""
    start = int(draw.integers(0, len(recordings)))
    return np.resize(np.roll(recordings, -start), length)
