"""What speaker models share: pooling of statistics over time, and a head of cosines."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SpeakerModel(nn.Module):
    """A trunk, an embedding, and the cosine to one vector a speaker, scaled: a softmax classifier in training.

    The scale of 20 stands for the temperature of a cosine softmax; no margin is taken off, since the loss is that of
    every other model here.

    Args:
        trunk: [N, 1, F, T] → pooled statistics [N, D].
        pooled: D.
        embedding: width of the embedding.
        classes: speakers in training.
    """

    SCALE = 20.0

    def __init__(self, trunk: nn.Module, pooled: int, embedding: int, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.norm = nn.BatchNorm1d(pooled)
        self.project = nn.Linear(pooled, embedding)
        self.out_norm = nn.BatchNorm1d(embedding)
        self.speakers = nn.Parameter(torch.randn(classes, embedding) * embedding**-0.5)

    def embed(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → embeddings [N, E] of length 1."""
        made = self.out_norm(self.project(self.norm(self.trunk(x))))
        return functional.normalize(made, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        return self.SCALE * self.embed(x) @ functional.normalize(self.speakers, dim=1).T


class Statistics(nn.Module):
    """Mean and deviation over time: [N, C, T] → [N, 2·C] (Snyder et al. 2018)."""

    def forward(self, x: Tensor) -> Tensor:
        """Biased deviation, with 1e-5 under the root."""
        mean = x.mean(dim=2)
        spread = (x - mean.unsqueeze(2)).square().mean(dim=2).add(1e-5).sqrt()
        return torch.cat((mean, spread), dim=1)


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, weighted by channel-wise attention (Okabe et al. 2018; ECAPA-TDNN, eq. 1–4).

    Args:
        channels: of the frames.
        inner: width of the attention.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv1d(channels, inner, 1), nn.Tanh(), nn.Conv1d(inner, channels, 1), nn.Softmax(dim=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, T] → [N, 2·C]."""
        weights = self.attention(x)
        mean = (weights * x).sum(dim=2)
        spread = (weights * (x - mean.unsqueeze(2)).square()).sum(dim=2).add(1e-5).sqrt()
        return torch.cat((mean, spread), dim=1)
