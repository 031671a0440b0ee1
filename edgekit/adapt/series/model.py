"""Voice2Series: a frozen acoustic model classifies time series through a trained sound around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.adapt.frozen import Adapted
from edgekit.adapt.latent import latent_and_logits
from edgekit.adapt.reprogram.class_map import StaticMap
from edgekit.core.errors import BadConfigError
from edgekit.features.spec import from_json
from edgekit.features.torch_frontend import TorchFrontend

_FIRST = 0.05  # deviation of δ at the start, out of 1: a tenth of the series' peak


class Voice2Series(Adapted):
    """Placed series + masked δ → features of the source → frozen source → mean of m source classes a class.

    Args:
        classes: of the task.
        source: mark of an acoustic model (with a front-end).
        free: bool [samples], where δ acts (:class:`edgekit.adapt.series.place.Placed`).
        assignment: for each source class a class of the task, −1 for none (class_map.many_to_one).
        dropout: share of δ's samples that a training step leaves out; the noise of it hides short series.

    Raises:
        BadConfigError: a source without a front-end, or a mask of another length than its clips.
    """

    free: Tensor

    def __init__(
        self,
        classes: int,
        source: Mapping[str, Any],
        free: np.ndarray,
        assignment: Sequence[int],
        dropout: float = 0.0,
    ) -> None:
        super().__init__(source)
        if "frontend" not in source:
            raise BadConfigError("the source hears nothing", where="--source", mend="give a model of audio")
        self.spec = from_json(dict(source["frontend"]), where="--source")
        if len(free) != self.spec.clip_samples:
            raise BadConfigError(f"a mask of {len(free)} samples for clips of {self.spec.clip_samples}", where="free")
        self.register_buffer("free", torch.from_numpy(free).bool())
        # in silence the gradient of a power spectrum is 0: a program that began there at 0 would stay there
        self.delta = nn.Parameter(_FIRST * torch.randn(int(free.sum())))
        self.dropout = nn.Dropout(dropout)
        self.frontend = TorchFrontend(self.spec, torch.float32)
        self.mapping = StaticMap(assignment, classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Placed series [N, samples] → log of the mean probability of each class's source classes, [N, classes]."""
        out: Tensor = self.mapping(self.source_logits(clips))
        return out

    def source_logits(self, clips: Tensor) -> Tensor:
        """What the source says to the programmed clips, [N, K]."""
        out: Tensor = self.source(self.heard(clips))
        return out

    def programmed(self, clips: Tensor) -> Tensor:
        """[N, samples] → with the program: x + M·δ (Voice2Series, eq. 4)."""
        return clips + self.program()

    def program(self) -> Tensor:
        """M·δ, [samples]: 0 where the series lies."""
        silent = self.delta.new_zeros(len(self.free))
        return silent.index_copy(0, self.free.nonzero()[:, 0], self.dropout(self.delta))

    def heard(self, clips: Tensor) -> Tensor:
        """The source's features of the programmed clips, [N, 1, H, W]."""
        features: Tensor = self.frontend(self.programmed(clips))
        return features

    def latent(self, clips: Tensor) -> Tensor:
        """What the source's last layer reads, [N, D]."""
        return latent_and_logits(self.source, len(self.mapping.table), self.heard(clips))[0]
