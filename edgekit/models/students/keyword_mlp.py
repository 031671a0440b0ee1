"""Keyword-MLP, keyword spotting without attention (Morshed and Ahsan, "Attention-Free Keyword Spotting", 2021).

A frame is a token. Blocks are gated MLPs (Liu et al., "Pay Attention to MLPs", 2021): half of the channels, mixed over
time by one linear layer, gate the other half. The defaults are the published model: 40 MFCCs of 98 frames, 12 blocks
of width 64, 424 k parameters with 35 classes; three blocks stay below 128,000.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.causal import AXES
from edgekit.models.registry import register


@register("keyword-mlp", causal="its gates mix all frames of the window")
class KeywordMlp(nn.Module):
    """Frame projection, gated MLP blocks with a norm after each, norm, mean over the frames, linear head.

    Args:
        classes: number of outputs.
        frames: frames of a clip; the gates' weights are made for exactly so many.
        bins: values of a frame.
        width: channels of a token.
        layers: number of blocks.
        mlp_ratio: inner width of a block as a multiple of ``width``; half of it are gates.
        survival: probability that a block takes part in a step of training (stochastic depth).
        time: axis of time in [N, 1, H, W], "height" (layout "time_freq") or "width".

    Raises:
        BadConfigError: a value out of range.
    """

    def __init__(
        self,
        classes: int = 35,
        frames: int = 98,
        bins: int = 40,
        width: int = 64,
        layers: int = 12,
        mlp_ratio: float = 4.0,
        survival: float = 0.9,
        time: str = "height",
    ) -> None:
        super().__init__()
        inner = int(width * mlp_ratio)
        if min(frames, bins, width, layers) < 1 or inner < 2 or inner % 2:
            raise BadConfigError(
                "a size is out of range", where="keyword-mlp", mend="make width · mlp_ratio even and at least 2"
            )
        if time not in AXES or not 0.0 < survival <= 1.0:
            raise BadConfigError(
                "time or survival is out of range", where="keyword-mlp", mend="time is height or width"
            )
        self.time, self.frames = time, frames
        self.embed = nn.Linear(bins, width)
        self.blocks = nn.Sequential(*(GatedBlock(frames, width, inner, survival) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, T, F] (or [N, 1, F, T]) → logits [N, classes].

        Raises:
            BadConfigError: another number of frames than the gates were made for.
        """
        frames = x.squeeze(1) if self.time == "height" else x.squeeze(1).transpose(1, 2)  # [N, T, F]
        if int(frames.shape[1]) != self.frames:
            raise BadConfigError(
                f"{frames.shape[1]} frames, made for {self.frames}", where="keyword-mlp", mend="set frames"
            )
        tokens = self.blocks(self.embed(frames))  # [N, T, C]
        logits: Tensor = self.head(self.norm(tokens).mean(dim=1))  # [N, C] → [N, classes]
        return logits


class GatedBlock(nn.Module):
    """x + norm(gated MLP of x); in training it is left out now and then."""

    def __init__(self, frames: int, width: int, inner: int, survival: float) -> None:
        super().__init__()
        self.survival, self.gates = survival, inner // 2
        self.widen = nn.Linear(width, inner)
        self.act = nn.GELU()
        self.gate_norm = nn.LayerNorm(self.gates)
        self.over_time = nn.Linear(frames, frames)
        self.narrow = nn.Linear(self.gates, width)
        self.norm = nn.LayerNorm(width)
        # The gates begin as nearly 1, so that a block begins as an ordinary MLP (Liu et al., section 2.1).
        nn.init.uniform_(self.over_time.weight, -1e-3, 1e-3)
        nn.init.ones_(self.over_time.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, T, C] → [N, T, C]."""
        if self.training and float(torch.rand(())) > self.survival:
            return x
        inner = self.act(self.widen(x))  # [N, T, 2·half]
        values, gates = inner[..., : self.gates], inner[..., self.gates :]
        mixed = self.over_time(self.gate_norm(gates).transpose(1, 2)).transpose(1, 2)  # over T: [N, T, half]
        out: Tensor = x + self.norm(self.narrow(values * mixed))
        return out
