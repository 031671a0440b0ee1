"""Windowed Tiny-AST, the transformer that streams: each token looks at the latest N tokens, itself included.

A patch is all frequencies of a few frames, so a token is a moment. Positions are learned by distance instead of place
(a bias a head and a distance, Shaw et al. 2018), so that a token means the same wherever the window begins. Nothing is
padded: every block leaves out the first N − 1 tokens, whose pasts lie before the window.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.causal import AXES, need_frames, newest
from edgekit.models.registry import register
from edgekit.models.transformer import FeedForward, initialise, make_norm


@register("windowed-ast", causal=lambda axis: {"time": axis})
class WindowedAst(nn.Module):
    """Patch projection, pre-norm blocks with attention over the latest tokens, mean over the tokens left, linear head.

    Args:
        classes: number of outputs.
        bins: values of a frame.
        patch: frames of a patch.
        stride: frames between patches; ``patch`` when not given.
        layers: number of blocks.
        width: channels of a token.
        heads: attention heads.
        window: tokens that a token looks at.
        mlp_ratio: inner width of the feed-forward layers as a multiple of ``width``.
        norm: "batch" or "layer" (transformer.py).
        activation: "relu", "gelu" or "quick-gelu".
        time: axis of time in [N, 1, H, W], "height" (layout "time_freq") or "width".
        dropout: probability after attention and feed-forward.

    Raises:
        BadConfigError: a value out of range.
    """

    def __init__(
        self,
        classes: int = 10,
        bins: int = 40,
        patch: int = 4,
        stride: int | None = None,
        layers: int = 3,
        width: int = 48,
        heads: int = 4,
        window: int = 8,
        mlp_ratio: float = 2.0,
        norm: str = "batch",
        activation: str = "relu",
        time: str = "height",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(bins, patch, layers, heads) < 1 or window < 2 or width % heads or time not in AXES:
            raise BadConfigError(
                "a size is out of range, or width does not divide into heads",
                where="windowed-ast",
                mend="window is ≥ 2",
            )
        step = patch if stride is None else stride
        self.time = time
        self.frames = patch + layers * (window - 1) * step
        self.patch_embed = nn.Conv2d(1, width, (patch, bins), (step, 1))
        inner = max(1, int(width * mlp_ratio))
        self.blocks = nn.Sequential(
            *(WindowBlock(width, heads, window, inner, norm, activation, dropout) for _ in range(layers))
        )
        self.norm = make_norm(norm, width)
        self.head = nn.Linear(width, classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, T, F] (or [N, 1, F, T]) → logits [N, classes].

        Raises:
            BadConfigError: fewer frames than the network looks at.
        """
        if self.time == "width":
            x = x.transpose(2, 3)
        need_frames(int(x.shape[2]), self.frames, "windowed-ast")
        x = self.patch_embed(x)  # [N, C, T', 1]
        batch, width, count = (int(size) for size in x.shape[:3])
        tokens = x.reshape(batch, width, count).transpose(1, 2)  # [N, T', C]
        tokens = self.norm(self.blocks(tokens))  # [N, T' − layers·(window − 1), C]
        logits: Tensor = self.head(tokens.mean(dim=1))  # [N, C] → [N, classes]
        return logits


class WindowBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)), on the tokens whose whole past is there."""

    def __init__(
        self, width: int, heads: int, window: int, inner: int, norm: str, activation: str, dropout: float
    ) -> None:
        super().__init__()
        self.window = window
        self.norm1 = make_norm(norm, width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = make_norm(norm, width)
        self.mlp = FeedForward(width, inner, activation, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T − window + 1, C]."""
        kept = int(tokens.shape[1]) - self.window + 1
        tokens = newest(tokens, kept, 1) + self.dropout(self.attn(self.norm1(tokens)))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class WindowAttention(nn.Module):
    """softmax(q·kᵀ/√d + bias of the distance)·v over the latest ``window`` tokens, in ``heads`` heads."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window, self.depth = heads, window, width // heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.distance = nn.Parameter(torch.zeros(1, 1, heads, 1, window))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, T, C] → [N, T − window + 1, C]."""
        batch, count, width = (int(size) for size in tokens.shape)
        kept = count - self.window + 1
        queries = self.query(newest(tokens, kept, 1)).reshape(batch, kept, self.heads, 1, self.depth)
        keys, values = (self._unfolded(part(tokens), batch, kept) for part in (self.key, self.value))
        scores = (queries * self.depth**-0.5) @ keys.transpose(-2, -1)  # [N, T', heads, 1, window]
        mixed = (scores + self.distance).softmax(dim=-1) @ values  # [N, T', heads, 1, d]
        out: Tensor = self.proj(mixed.reshape(batch, kept, width))
        return out

    def _unfolded(self, tokens: Tensor, batch: int, kept: int) -> Tensor:
        """[N, T, C] → [N, T', heads, window, d]: the latest ``window`` tokens of each token, oldest first."""
        parts: Sequence[Tensor] = [tokens[:, i : i + kept].unsqueeze(2) for i in range(self.window)]
        seen = torch.cat(tuple(parts), dim=2)  # [N, T', window, C]
        return seen.reshape(batch, kept, self.window, self.heads, self.depth).transpose(2, 3)
