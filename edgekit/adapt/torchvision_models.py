"""Classifiers of torchvision as sources, where that package is installed and loads."""

from __future__ import annotations

from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require
from edgekit.models.registry import register

ARCHITECTURES = ("squeezenet1_1", "mobilenet_v3_large", "mobilenet_v3_small", "resnet50", "resnet18")
"""Of the paper (SqueezeNet 1.1, MobileNetV3, ResNet-50) and their small relatives."""
SHAPE = (3, 224, 224)
"""Pictures that they were trained on."""


@register("torchvision")
def torchvision_model(architecture: str, classes: int = 1000) -> nn.Module:
    """A classifier of torchvision with fresh weights: [N, 3, H, W] → logits [N, classes].

    Raises:
        BadConfigError: an architecture that is not in :data:`ARCHITECTURES`.
        MissingDependencyError: torchvision is not installed, or does not fit the torch that is.
    """
    if architecture not in ARCHITECTURES:
        raise BadConfigError(f"unknown architecture {architecture!r}", mend=f"use one of {', '.join(ARCHITECTURES)}")
    models = require("torchvision.models", "vision")
    model: nn.Module = models.get_model(architecture, weights=None, num_classes=classes)
    return model
