"""Attention of a spectrogram transformer as pictures: class-token maps and rollout on the grid of the features.

Arrays are numpy; :mod:`edgekit.train.evaluation.attention` takes them out of a model. A patch that patchout dropped is
NaN, a hole that a picture draws black.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.core.errors import DataError


def attention_rollout(layers: Sequence[np.ndarray]) -> np.ndarray:
    """How much of each input token arrives at each token of the last layer: [T, T], rows that sum to 1.

    The product of (A + I)/2 over the layers, A the mean over heads and I the residual connection, each row normalised
    (Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, eq. 1).

    Args:
        layers: attention [heads, T, T] of each layer, the first layer first.

    Raises:
        DataError: no layer.
    """
    if not layers:
        raise DataError("no attention to roll out", mend="give a transformer")
    tokens = layers[0].shape[-1]
    flow: np.ndarray = np.eye(tokens)
    for attention in layers:
        mixed = (attention.mean(axis=0) + np.eye(tokens)) / 2.0
        flow = (mixed / mixed.sum(axis=1, keepdims=True)) @ flow
    return flow


def patch_map(weights: np.ndarray, grid: tuple[int, int], keep: np.ndarray | None = None) -> np.ndarray:
    """Weights of the kept patches [..., K] on their grid: [..., F', T'], NaN where a patch was dropped.

    Args:
        weights: of the patches alone, without class and distillation token.
        grid: patches over (frequency, time).
        keep: int [K], which patches the weights are of, counted row by row; all if None.
    """
    whole = np.full((*weights.shape[:-1], grid[0] * grid[1]), np.nan)
    whole[..., np.arange(grid[0] * grid[1]) if keep is None else keep] = weights
    return whole.reshape(*weights.shape[:-1], *grid)


def resize_patches(
    patches: np.ndarray, shape: tuple[int, int], patch: tuple[int, int], stride: tuple[int, int]
) -> np.ndarray:
    """A map over patches [..., F', T'] on the features' own grid: [..., F, T].

    Patches that overlap share their pixels: each pixel belongs to the patch whose centre is nearest (the later one of
    equals), so that a hole stays a hole and no value is made up between patches.

    Args:
        patches: one value a patch, row by row.
        shape: (F, T) of the features.
        patch: sides of a patch.
        stride: steps between patches.
    """
    rows = _nearest(patches.shape[-2], shape[0], patch[0], stride[0])
    columns = _nearest(patches.shape[-1], shape[1], patch[1], stride[1])
    out: np.ndarray = patches[..., rows[:, None], columns[None]]
    return out


def _nearest(count: int, pixels: int, side: int, step: int) -> np.ndarray:
    """For each pixel the patch with the nearest centre, int64 [pixels]."""
    from_first_centre = np.arange(pixels) - (side - 1) / 2.0
    return np.clip(np.floor(from_first_centre / step + 0.5), 0, count - 1).astype(np.int64)
