"""Any CNN of the registry with the partition plug-in in its convolutions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from edgekit.models.partition import partition_convolutions
from edgekit.models.registry import build_model, register


@register("partitioned")
def partitioned(
    classes: int = 10, base: str = "ds-cnn", arguments: Mapping[str, Any] | None = None, subsets: int = 4
) -> nn.Module:
    """``base`` with :func:`partition_convolutions` applied: [N, 1, H, W] → logits [N, classes].

    Args:
        classes: number of outputs.
        base: registry name of a CNN.
        arguments: of its builder, without ``classes``.
        subsets: S.

    Raises:
        BadConfigError: an unknown base, or no layer that S subsets fit.
    """
    model = build_model(base, **{**(arguments or {}), "classes": classes})
    partition_convolutions(model, subsets, spare=classes)
    return model
