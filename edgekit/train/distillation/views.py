"""Augmentation views: a few fixed versions of each clip, for which a teacher's logits are stored.

View 0 is the clip as a device hears it. Views 1 … V are shifted, sped up and scaled as the recipe's augmentation would,
by numbers that follow from the clip's id, the view and a seed: whoever makes a view gets the same samples. Under a
recipe that trains on windows from anywhere in a clip, the views lie anywhere as well.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgekit.augment.transfer import on_device
from edgekit.augment.waveform import draw_factors, resample
from edgekit.core.limits import check_limits
from edgekit.data.cache import AudioCache
from edgekit.data.windows import training_starts
from edgekit.train.recipe import Recipe

OFFSET, SPEED, GAIN = 0, 1, 2
"""Columns of a view's parameters: first sample, speed as a factor, gain in dB."""


@dataclass(frozen=True)
class ViewPlan:
    """How many views there are besides the plain one, and how far they go (:class:`edgekit.augment.spec.Augment`).

    Attributes:
        window: length in samples of the windows that lie anywhere in a clip; 0: views are shifted from its start.
        audible_share: of such a window, see :mod:`edgekit.data.windows`.
    """

    views: int = 0
    shift_ms: float = 0.0
    speed: float = 0.0
    gain_db: float = 0.0
    seed: int = 0
    window: int = 0
    audible_share: float = 0.0

    def __post_init__(self) -> None:
        check_limits("views", views=(self.views, 0, 1000), shift_ms=(self.shift_ms, 0.0, 60_000.0))
        check_limits("views", speed=(self.speed, 0.0, 1.0), gain_db=(self.gain_db, 0.0, 60.0))
        check_limits("views", window=(self.window, 0, 2**40), audible_share=(self.audible_share, 0.0, 1.0))

    def to_json(self) -> dict[str, Any]:
        """Plain values; without windows as before there were any, so that older stores keep their digest."""
        plain = asdict(self)
        return plain if self.window else {k: v for k, v in plain.items() if k not in ("window", "audible_share")}


def plan_views(recipe: Recipe, views: int) -> ViewPlan:
    """``views`` views as far apart as the recipe's augmentation; with 0, the plain clips only."""
    augment = recipe.augment
    if not views:
        return ViewPlan()
    plan = ViewPlan(views, augment.shift_ms, augment.speed, augment.gain_db, recipe.seed)
    if not recipe.windows.per_clip:
        return plan
    window = recipe.frontend.spec().clip_samples
    return replace(plan, window=window, audible_share=recipe.windows.audible_share)


def view_parameters(plan: ViewPlan, cache: AudioCache, index: int) -> np.ndarray:
    """float64 [1 + views, 3]: offset in samples, speed, gain in dB of each view of clip ``index``."""
    clip_id, sample_rate = cache.manifest.clips[index].id, cache.sample_rate
    words = np.frombuffer(hashlib.sha256(clip_id.encode("utf-8")).digest()[:16], "<u4")
    draw = np.random.default_rng([plan.seed, *(int(word) for word in words)])
    limit = round(plan.shift_ms * sample_rate / 1000.0)
    out = np.empty((1 + plan.views, 3))
    out[0] = (0.0, 1.0, 0.0)
    out[1:, OFFSET] = draw.integers(-limit, limit + 1, plan.views)
    out[1:, SPEED] = draw_factors(draw, plan.speed, plan.views)
    out[1:, GAIN] = draw.uniform(-plan.gain_db, plan.gain_db, plan.views)
    if plan.window:
        out[1:, OFFSET] += draw.choice(training_starts(cache, index, plan.window, plan.audible_share), plan.views)
    return out


def view_waveforms(
    cache: AudioCache, indices: np.ndarray, parameters: np.ndarray, samples: int, device: torch.device
) -> Tensor:
    """The views of some clips, float32 [n, samples] in [-1, 1).

    Args:
        cache: the clips.
        indices: int64 [n].
        parameters: [n, 3], one view of each.
        samples: length of the result.
        device: where it is made.
    """
    fastest = float(parameters[:, SPEED].max())
    source = samples if fastest == 1.0 and (parameters[:, SPEED] == 1.0).all() else int(np.ceil(samples * fastest)) + 2
    pcm = cache.windows(indices, source, parameters[:, OFFSET].astype(np.int64))
    waves = on_device(pcm, device) * 2.0**-15
    if source != samples:
        waves = resample(waves, on_device(parameters[:, SPEED], device), samples)
    gains = on_device(10.0 ** (parameters[:, GAIN] / 20.0), device, torch.float32)
    return (waves * gains[:, None]).clamp_(-1.0, 1.0 - 2.0**-15)
