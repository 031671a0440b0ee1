"""LoRA: a product of two thin matrices beside a frozen one (Hu et al., "LoRA", ICLR 2022, eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LowRank(nn.Module):
    """What is added to queries and values: scale · B·A·x for each; zero at the start, since B is.

    Args:
        width: channels of a token.
        rank: rows of A.
        scale: α/r.
    """

    def __init__(self, width: int, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.a = nn.ParameterList([nn.Parameter(torch.randn(rank, width) * width**-0.5) for _ in range(2)])
        self.b = nn.ParameterList([nn.Parameter(torch.zeros(width, rank)) for _ in range(2)])

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → what is added to the joint projection, [N, T, 3·C]: queries, keys (zero), values."""
        queries, values = (
            self.scale * nn.functional.linear(nn.functional.linear(tokens, a), b)
            for a, b in zip(self.a, self.b, strict=True)
        )
        return torch.cat((queries, torch.zeros_like(queries), values), dim=2)

    def merged(self, weight: Tensor) -> Tensor:
        """The joint projection's weight [3·C, C] with this added: the same outputs without further products."""
        (aq, av), (bq, bv) = self.a, self.b
        change = torch.cat((bq @ aq, torch.zeros_like(bq @ aq), bv @ av))
        return weight + self.scale * change
