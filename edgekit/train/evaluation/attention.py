"""Where a spectrogram transformer looks, clip by clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.models.attention_record import record_attention
from edgekit.models.patches import patch_grid
from edgekit.models.students.small_vit import SmallVit
from edgekit.models.teachers.large_vit import LargeVit
from edgekit.train.evaluation.rollout import attention_rollout, patch_map, resize_patches

Sides = tuple[int, int]


@dataclass(frozen=True, eq=False)
class AttentionPicture:
    """The attention of one clip on the grid of its features; NaN where patchout dropped a patch.

    Attributes:
        heads: what the class token of the last layer looks at, float64 [heads, F, T].
        rollout: what reaches the class token through all layers, float64 [F, T].
    """

    heads: np.ndarray
    rollout: np.ndarray


def can_look(model: nn.Module) -> TypeGuard[SmallVit | LargeVit]:
    """Whether the model has a class token that looks at patches of the spectrogram."""
    return isinstance(model, SmallVit | LargeVit)


def attention_pictures(model: SmallVit | LargeVit, x: Tensor, keep: Tensor | None = None) -> list[AttentionPicture]:
    """One picture a clip of features [N, 1, F, T].

    Args:
        model: in evaluation mode.
        x: features.
        keep: int64 [K], patches to look at, as patchout would leave them; all if None.
    """
    with torch.no_grad(), record_attention(model) as found:
        model(x, keep)
    layers = [weights.double().cpu().numpy() for weights in found]  # each [N, heads, T, T]
    projection = model.patch_embed.proj
    patch, stride = _pair(projection.kernel_size), _pair(projection.stride)
    shape = (int(x.shape[2]), int(x.shape[3]))
    grid = patch_grid(shape, patch, stride)
    kept = None if keep is None else keep.cpu().numpy()
    patches = grid[0] * grid[1] if kept is None else len(kept)
    extra = layers[0].shape[-1] - patches  # the class token, and the distillation token where there is one

    def on_features(weights: np.ndarray) -> np.ndarray:
        return resize_patches(patch_map(weights, grid, kept), shape, patch, stride)

    return [
        AttentionPicture(
            heads=on_features(layers[-1][clip][:, 0, extra:]),
            rollout=on_features(attention_rollout([layer[clip] for layer in layers])[0, extra:]),
        )
        for clip in range(len(x))
    ]


def patchout_of(model: SmallVit | LargeVit, seed: int = 0) -> Tensor | None:
    """Patches that a training step of this model would keep, int64 [K]; None where it trains without patchout."""
    if not isinstance(model, LargeVit):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model.sample_keep(model.grid)


def _pair(sides: tuple[int, ...]) -> Sides:
    return sides[0], sides[1]
