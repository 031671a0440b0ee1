"""A module trained in place of a recipe's model, by everything else that the recipe says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn


@dataclass(frozen=True, eq=False)
class StandIn:
    """What is trained instead of ``[model]``: the fake-quantized twin of a trained one, or an adapted model.

    Attributes:
        module: [N, 1, H, W] float32, or samples (train/hearing.py) → logits [N, classes], with its first weights.
        name: what the checkpoint calls the model; a name of the registry only where the weights are of that model.
        epoch_begins: called with the number of each epoch (from 0) before it, after a resume too.
    """

    module: nn.Module
    name: str
    epoch_begins: Callable[[int], None]


class Epochs(Callback):
    """Tells a stand-in about epochs."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> Any:
        """Before the first step of an epoch."""
        self.stand_in.epoch_begins(trainer.current_epoch)
