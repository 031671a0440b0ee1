"""A torchvision that is none: its call, and a small network's weights as a file that could have come from there.

The real package does not load beside a CPU build of torch everywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn


class Small(nn.Module):
    """Answers to every name of an architecture."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3)
        self.classifier = nn.Linear(4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images [N, 3, height, width]."""
        out: torch.Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return out


def lend_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package with torchvision's call in place."""
    package, models = ModuleType("torchvision"), ModuleType("torchvision.models")
    models.get_model = lambda name, weights, num_classes: Small(num_classes)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)


def save_weights(path: Path) -> Small:
    """Weights of a thousand classes; their network."""
    model = Small(1000)
    torch.save(model.state_dict(), path)
    return model
