"""Small_ViT (Tiny-AST), the transformer student: patches of a log-mel spectrogram, class token, linear head.

The defaults are the thesis' student: 128×100 log-mel, patches of 15×15 every 10, 4 layers of width 60 with 6 heads and
MLP ratio 1: 103,150 parameters and 16,579,080 MACs (``true``: 15,120,480 of them in the 4 blocks over 109 tokens).
That count leaves no room for learned positional codes, so they are fixed sines; an exported file stores them as a table
of 108 × 60 more constants. ``norm="batch"`` with ``activation="quick-gelu"`` or ``"relu"`` is the deployable form: no
square root, division or erf for each token.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import pair
from edgekit.models.patches import PatchEmbedding, for_batch, patch_grid, sine_codes, to_tokens
from edgekit.models.registry import register
from edgekit.models.transformer import TransformerBlock, initialise, make_norm

_POSITIONS = ("sine", "learned", "none")


@register("small-vit", causal="every patch looks at every other: windowed-ast is the transformer that streams")
class SmallVit(nn.Module):
    """Patch projection, positional codes, class (and distillation) token, pre-norm transformer blocks, linear head.

    Args:
        classes: number of outputs.
        input_shape: (F, T) of the features; the grid of patches is fixed by it.
        patch: side of a patch, or (frequency, time).
        stride: step between patches, or (frequency, time).
        layers: number of transformer blocks.
        width: channels of a token.
        heads: attention heads.
        mlp_ratio: inner width of the feed-forward layers as a multiple of ``width``.
        norm: "layer" or "batch" (transformer.py).
        activation: "gelu", "quick-gelu" or "relu".
        positions: "sine" (fixed), "learned" or "none".
        distillation: a second token with a head of its own, which learns from the teacher (DeiT).
        dropout: probability after attention and feed-forward.

    Raises:
        BadConfigError: a value out of range, or an unknown name.
    """

    def __init__(
        self,
        classes: int = 10,
        input_shape: Sequence[int] = (128, 100),
        patch: int | Sequence[int] = 15,
        stride: int | Sequence[int] = 10,
        layers: int = 4,
        width: int = 60,
        heads: int = 6,
        mlp_ratio: float = 1.0,
        norm: str = "layer",
        activation: str = "gelu",
        positions: str = "sine",
        distillation: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if layers < 1 or mlp_ratio <= 0 or positions not in _POSITIONS or not 0.0 <= dropout < 1.0:
            raise BadConfigError(
                "layers, mlp_ratio, positions or dropout is out of range",
                where="small-vit",
                mend=f"positions are {', '.join(_POSITIONS)}",
            )
        self.input_shape = pair(input_shape, "small-vit input_shape")
        sides, steps = pair(patch, "small-vit patch"), pair(stride, "small-vit stride")
        self.grid = patch_grid(self.input_shape, sides, steps)
        self.patch_embed = PatchEmbedding(sides, steps, width)
        self.positions = positions
        count = self.grid[0] * self.grid[1]
        if positions == "sine":
            self.register_buffer("pos_embed", sine_codes(self.grid, width))
        elif positions == "learned":
            self.pos_embed = nn.Parameter(torch.zeros(1, count, width))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width)) if distillation else None
        self.blocks = nn.Sequential(
            *(
                TransformerBlock(width, heads, mlp_ratio, norm=norm, activation=activation, dropout=dropout)
                for _ in range(layers)
            )
        )
        self.norm = make_norm(norm, width)
        self.head = nn.Linear(width, classes)
        self.head_dist = nn.Linear(width, classes) if distillation else None
        self.apply(initialise)
        for code in (self.cls_token, self.dist_token, self.pos_embed if positions == "learned" else None):
            if code is not None:
                nn.init.trunc_normal_(code, std=0.02)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """[N, 1, F, T] → logits [N, classes], the mean of both heads where there are two.

        Args:
            x: features of ``input_shape``.
            keep: int64 [K], the patches to look at (synchronised patchout: those that the teacher kept); all if None.
        """
        heads = self.token_logits(x, keep)
        return heads[0] if len(heads) == 1 else (heads[0] + heads[1]) / 2

    def token_logits(self, x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, ...]:
        """Logits [N, classes] of the class token, then of the distillation token if there is one.

        Raises:
            BadConfigError: features of another shape.
        """
        if tuple(x.shape[2:]) != self.input_shape:
            raise BadConfigError(
                f"features of {tuple(x.shape[2:])} for a model of {self.input_shape}", mend="set input_shape"
            )
        tokens = to_tokens(self.patch_embed(x))  # [N, C, F', T'] → [N, F'·T', C]
        if self.positions != "none":
            tokens = tokens + self.pos_embed
        if keep is not None:
            tokens = tokens[:, keep]  # [N, K, C]
        extra = [for_batch(token, int(x.shape[0])) for token in (self.cls_token, self.dist_token) if token is not None]
        tokens = torch.cat((*extra, tokens), dim=1)  # [N, 1 + F'·T', C]
        tokens = self.norm(self.blocks(tokens))
        logits = [self.head(tokens[:, 0])]  # [N, C] → [N, classes]
        if self.head_dist is not None:
            logits.append(self.head_dist(tokens[:, 1]))
        return tuple(logits)
