"""Weights of the classes in the loss, from how often each occurs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgekit.train.recipe import ClassWeights


def class_weights(counts: np.ndarray, choice: ClassWeights) -> Tensor | None:
    """float32 [classes] ∝ 1/max(count, floor), so scaled that their mean over the clips is 1; None for "none".

    With that scale the loss, and with it the learning rate, keeps its size when the weights are switched on.

    Args:
        counts: clips of each class, int [classes], at least one in total.
        choice: the recipe's rule and floor.
    """
    if choice.rule == "none":
        return None
    weights = 1.0 / np.maximum(counts, choice.floor)
    scale = counts.sum() / (counts * weights).sum()
    return torch.as_tensor(weights * scale, dtype=torch.float32)
