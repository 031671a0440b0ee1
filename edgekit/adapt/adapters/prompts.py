"""Prompts: learned tokens that a frozen transformer attends to (Jia et al., "Visual Prompt Tuning", ECCV 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Prompts(nn.Module):
    """Appends learned tokens after those of the clip, at the first block or, deep, anew at each.

    They stand last, so that class and distillation token keep their places.

    Args:
        width: channels of a token.
        count: prompts.
        layers: sets of them: 1 shallow, one a block deep.
    """

    def __init__(self, width: int, count: int, layers: int) -> None:
        super().__init__()
        self.count = count
        self.tokens = nn.ParameterList([nn.Parameter(torch.randn(1, count, width) * 0.02) for _ in range(layers)])

    def put(self, sequence: Tensor, layer: int) -> Tensor:
        """[N, T, C] before block ``layer`` → with its prompts; those of the block before it are replaced."""
        if layer >= len(self.tokens):
            return sequence
        own = sequence if layer == 0 else sequence[:, : -self.count]
        return torch.cat((own, self.tokens[layer].expand(len(sequence), -1, -1)), dim=1)

    def take(self, sequence: Tensor) -> Tensor:
        """[N, T + count, C] after the last block → [N, T, C]."""
        return sequence[:, : -self.count]
