"""Ensemble of teachers: the mean of their logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model, register

_LARGEST = 32


@register("ensemble")
class Ensemble(nn.Module):
    """Mean of the members' logits on the same features.

    Members that need other features are averaged where their logits are stored, not here.

    Args:
        classes: number of outputs of every member.
        members: one table a member: ``model``, and its ``arguments`` without ``classes``.

    Raises:
        BadConfigError: no members, too many, or one that is itself an ensemble or no table.
    """

    def __init__(self, classes: int = 10, members: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__()
        if not 1 <= len(members) <= _LARGEST:
            raise BadConfigError(f"{len(members)} members", where="ensemble", mend=f"name 1 to {_LARGEST} models")
        self.members = nn.ModuleList(_member(member, classes) for member in members)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        return torch.stack([member(x) for member in self.members]).mean(dim=0)  # [M, N, classes] → [N, classes]


def _member(member: Mapping[str, Any], classes: int) -> nn.Module:
    name = member.get("model") if isinstance(member, Mapping) else None
    if not isinstance(name, str) or name == "ensemble" or member.keys() - {"model", "arguments"}:
        raise BadConfigError(f"{member!r} is no member", where="ensemble", mend='write {"model": …, "arguments": {…}}')
    return build_model(name, **{**member.get("arguments", {}), "classes": classes})
