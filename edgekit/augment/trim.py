"""Edges of words, cut as another segmentation would cut them.

Recordings of single words were cut out of a longer one by somebody's threshold: one corpus keeps the faint fricatives
at both ends of "six", another has only its vowel left. A model learns the threshold of its training clips unless that
varies.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgekit.augment.spec import Augment
from edgekit.augment.waveform import Draw
from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec


def trim_edges(x: Tensor, draw: Draw, augment: Augment, spec: FrontendSpec, time_axis: int) -> Tensor:
    """Silence the frames before the first and after the last one that is loud enough.

    Args:
        x: features [N, 1, H, W] in the spec's layout and normalisation.
        draw: of the clips that are trimmed, and how far below the clip's loudest bin their threshold lies.
        augment: ``trim_probability``, ``trim_db``.
        spec: of the features.
        time_axis: axis of the frames, 2 or 3.

    Returns:
        The clips; in a trimmed one, frames whose loudest bin lies below the threshold hold the features of digital
        silence up to the first and from the last frame above it.
    """
    count = len(x)
    chosen = draw.random(count) < augment.trim_probability
    below = draw.uniform(*augment.trim_db, count)
    levels = x.amax(dim=(1, 5 - time_axis))  # [N, frames]
    natural = np.log(10.0) / (10.0 if spec.power == 2 else 20.0)
    depth = np.where(chosen, below, np.inf) * natural * log_factor(spec) / spec.std
    loud = levels >= levels.amax(dim=1, keepdim=True) - torch.as_tensor(depth, dtype=x.dtype, device=x.device)[:, None]
    after_first = loud.cumsum(dim=1) > 0
    before_last = loud.flip(1).cumsum(dim=1).flip(1) > 0
    shape = [count, 1, 1, 1]
    shape[time_axis] = x.shape[time_axis]
    kept = (after_first & before_last).reshape(shape)
    return torch.where(kept, x, silence(spec))


def silence(spec: FrontendSpec) -> float:
    """The feature of a bin without any power."""
    return (float(np.log(spec.log_floor)) * log_factor(spec) - spec.mean) / spec.std
