"""A model that goes wrong: its answers are numbers for a while."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


class Breaks(nn.Module):
    """A linear layer on 20 × 24 features whose answers are no numbers after so many steps of training."""

    def __init__(self, classes: int, steps: int) -> None:
        super().__init__()
        self.dense = nn.Linear(20 * 24, classes)
        self.calls, self.steps = 0, steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        out: torch.Tensor = self.dense(x.flatten(1))
        return out * float("nan") if self.calls > self.steps else out


def breaks_after(steps: int) -> Callable[[int], nn.Module]:
    """A builder of it, as the registry has them."""

    def build(classes: int) -> nn.Module:
        return Breaks(classes, steps)

    return build
