"""The training loss of an epoch, watched without making a GPU wait for the host at every step."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edgekit.core.errors import EdgekitError

_CHECK_EVERY = 50
"""Steps between two looks on a device that runs ahead of the host; elsewhere every step is looked at."""


class LossWatch:
    """Sums losses and stops at the first that is no finite number.

    Args:
        recipe: name of the recipe, for the message.
    """

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.total, self.count = 0.0, 0
        self._waiting: list[tuple[int, int, Tensor]] = []

    def add(self, loss: Tensor, epoch: int, step: int) -> None:
        """Take a loss (scalar) of a step, both from 0.

        Raises:
            EdgekitError: this loss, or on a GPU one of the last 50, is not finite.
        """
        self._waiting.append((epoch, step, loss.detach()))
        if loss.device.type == "cpu" or len(self._waiting) >= _CHECK_EVERY:
            self._look()

    def mean(self) -> float:
        """Mean loss since the last call.

        Raises:
            EdgekitError: one of them was not finite.
        """
        self._look()
        mean = self.total / max(1, self.count)
        self.total, self.count = 0.0, 0
        return mean

    def _look(self) -> None:
        if not self._waiting:
            return
        values = torch.stack([loss for _, _, loss in self._waiting]).tolist()
        for (epoch, step, _), value in zip(self._waiting, values, strict=True):
            if not math.isfinite(value):
                raise EdgekitError(
                    f"the training loss became {value} in epoch {epoch + 1}, step {step + 1}",
                    where=f"recipe {self.recipe}",
                    mend="lower optimiser.learning_rate; the checkpoint of the last good epoch is kept",
                )
            self.total, self.count = self.total + value, self.count + 1
        self._waiting.clear()
