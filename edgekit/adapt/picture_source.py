"""Train a classifier of pictures, the source of reprogramming where no public weights are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from edgekit.adapt.pictures import Pictures, make_pictures
from edgekit.adapt.shapes import SIDE
from edgekit.adapt.source import save_picture_source
from edgekit.core.progress import Progress
from edgekit.models.registry import build_model

MODEL = "mobilenet-v3"
_BATCH = 64
_LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class PictureSource:
    """What was trained.

    Attributes:
        file: the source, for :func:`edgekit.adapt.source.read_source`.
        labels: its classes.
        accuracy: on pictures of other draws, digits of other writers' samples.
        parameters: of the model.
    """

    file: Path
    labels: tuple[str, ...]
    accuracy: float
    parameters: int


def train_picture_source(
    file: Path, *, width: float = 0.4, per_class: int = 100, epochs: int = 8, seed: int = 0, progress: Progress
) -> PictureSource:
    """Train "mobilenet-v3" on :func:`make_pictures` and write it.

    Args:
        file: a ``.safetensors`` file.
        width: of the model.
        per_class: training pictures of each class; a fifth as many are held out.
        epochs: passes.
        seed: of pictures, weights and order.
        progress: told about steps.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    pictures = make_pictures(per_class, seed)
    arguments: Mapping[str, Any] = {"classes": len(pictures.labels), "width": width}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(MODEL, **arguments)
        _fit(model, pictures, epochs, seed, progress)
    accuracy = _accuracy(model, make_pictures(max(1, per_class // 5), seed, held_out=True))
    save_picture_source(file, MODEL, arguments, pictures.labels, (1, SIDE, SIDE), model.state_dict())
    return PictureSource(file, pictures.labels, accuracy, sum(p.numel() for p in model.parameters()))


def _fit(model: nn.Module, pictures: Pictures, epochs: int, seed: int, progress: Progress) -> None:
    """Cross-entropy under AdamW, cosine decay."""
    steps = len(pictures.targets) // _BATCH
    optimiser = torch.optim.AdamW(model.parameters(), _LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * steps)
    draw = np.random.default_rng(seed)
    model.train()
    for epoch in range(epochs):
        order = draw.permutation(len(pictures.targets))
        for step in range(steps):
            rows = order[step * _BATCH : (step + 1) * _BATCH]
            logits = model(torch.from_numpy(pictures.pixels[rows]))
            loss = functional.cross_entropy(logits, torch.from_numpy(pictures.targets[rows]), label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            progress("training the source", epoch * steps + step + 1, epochs * steps)


@torch.no_grad()
def _accuracy(model: nn.Module, pictures: Pictures) -> float:
    model.eval()
    said = [model(part).argmax(dim=1) for part in torch.from_numpy(pictures.pixels).split(256)]  # type: ignore[no-untyped-call]
    return float((torch.cat(said).numpy() == pictures.targets).mean())
