"""The control of Voice2Series: the source's network, all of it trained from random weights on the same series."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.adapt.source import Source
from edgekit.core.errors import BadConfigError
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model


class FromScratch(nn.Module):
    """Placed series → features of the source's front-end → its network with fresh weights and the task's classes.

    Args:
        source: whose front-end and architecture are used; its weights are not.
        classes: of the task.
        seed: of the weights.

    Raises:
        BadConfigError: a source without a front-end.
    """

    def __init__(self, source: Source, classes: int, seed: int) -> None:
        super().__init__()
        if source.frontend is None:
            raise BadConfigError("the source hears nothing", where="--source", mend="give a model of audio")
        self.frontend = TorchFrontend(source.frontend, torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = build_model(source.model, **{**source.arguments, "classes": classes})

    def forward(self, clips: Tensor) -> Tensor:
        """[N, samples] → logits [N, classes]."""
        out: Tensor = self.network(self.frontend(clips))
        return out
