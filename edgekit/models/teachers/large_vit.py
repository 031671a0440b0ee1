"""Large_ViT, PaSST and AST: ViT-B/16 on spectrograms, with patchout.

Dosovitskiy et al. 2021 (ViT), Gong et al. 2021 (AST), Koutini et al., "Efficient Training of Audio Transformers with
Patchout", Interspeech 2022 (PaSST). Three layouts of the same transformer:

- "vit": learned codes for the class token and each patch together, linear head: at 128×100 and 10 classes
  85,345,546 parameters, the thesis' Large_ViT.
- "passt": separate codes for frequency and time, class and distillation token, LayerNorm + linear on their mean.
- "ast": codes as "vit" with both tokens, LayerNorm + linear on their mean.

Parameters have the names of timm's and PaSST's checkpoints (teachers/pretrained.py loads them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import pair
from edgekit.models.patches import (
    PatchEmbedding,
    for_batch,
    patch_grid,
    structured_keep,
    to_tokens,
    unstructured_keep,
)
from edgekit.models.registry import register
from edgekit.models.transformer import TransformerBlock, initialise


@dataclass(frozen=True)
class Layout:
    """How a published family codes positions and reads the result.

    Attributes:
        split_codes: frequency and time have codes of their own, which are added.
        distillation: there is a distillation token beside the class token.
        head_norm: the head normalises first.
    """

    split_codes: bool
    distillation: bool
    head_norm: bool


LAYOUTS = {"vit": Layout(False, False, False), "ast": Layout(False, True, True), "passt": Layout(True, True, True)}


@register("large-vit")
class LargeVit(nn.Module):
    """Patch projection, positional codes, patchout in training, tokens, transformer, head on the tokens' mean.

    Args:
        classes: number of outputs.
        input_shape: (F, T) of the features; shorter ones use the first time columns of split codes.
        patch: side of a patch, or (frequency, time).
        stride: step between patches, or (frequency, time).
        layers: number of transformer blocks.
        width: channels of a token.
        heads: attention heads.
        mlp_ratio: inner width of the feed-forward layers as a multiple of ``width``.
        layout: "vit", "ast" or "passt".
        patchout_rows: frequency rows that a training step drops (structured patchout).
        patchout_columns: time columns that a training step drops.
        patchout: single patches that a training step drops besides (unstructured patchout).
        dropout: probability after attention and feed-forward.

    Raises:
        BadConfigError: a value out of range, or patchout that drops everything.
    """

    def __init__(
        self,
        classes: int = 10,
        input_shape: Sequence[int] = (128, 100),
        patch: int | Sequence[int] = 16,
        stride: int | Sequence[int] = 10,
        layers: int = 12,
        width: int = 768,
        heads: int = 12,
        mlp_ratio: float = 4.0,
        layout: str = "vit",
        patchout_rows: int = 0,
        patchout_columns: int = 0,
        patchout: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if layout not in LAYOUTS or layers < 1 or mlp_ratio <= 0:
            raise BadConfigError(
                f"layout {layout!r}, layers or mlp_ratio is none", where="large-vit", mend=f"use {', '.join(LAYOUTS)}"
            )
        self.layout = LAYOUTS[layout]
        sides, steps = pair(patch, "large-vit patch"), pair(stride, "large-vit stride")
        self.grid = patch_grid(pair(input_shape, "large-vit input_shape"), sides, steps)
        self.patchout = (patchout_rows, patchout_columns, patchout)
        self.sample_keep(self.grid, torch.device("cpu"))  # an impossible patchout fails here and not after an hour
        self.patch_embed = PatchEmbedding(sides, steps, width)
        self._make_codes(width)
        self.blocks = nn.Sequential(
            *(TransformerBlock(width, heads, mlp_ratio, dropout=dropout) for _ in range(layers))
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        linear = nn.Linear(width, classes)
        self.head = nn.Sequential(nn.LayerNorm(width), linear) if self.layout.head_norm else linear
        self.apply(initialise)
        for name, code in self.named_parameters(recurse=False):
            if name.endswith(("token", "embed")):
                nn.init.trunc_normal_(code, std=0.02)

    def _make_codes(self, width: int) -> None:
        """Tokens and positional codes under the published names."""
        tokens = 2 if self.layout.distillation else 1
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        if self.layout.distillation:
            self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        if self.layout.split_codes:
            self.new_pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
            self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, self.grid[0], 1))
            self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, self.grid[1]))
        else:
            self.pos_embed = nn.Parameter(torch.zeros(1, tokens + self.grid[0] * self.grid[1], width))

    def sample_keep(self, grid: tuple[int, int], device: torch.device | None = None) -> Tensor | None:
        """Patches that a training step keeps, int64 [K] ascending; None where patchout is off.

        A trainer that synchronises patchout samples once and hands the result to teacher and student.
        """
        rows, columns, single = self.patchout
        if not any(self.patchout):
            return None
        return unstructured_keep(structured_keep(grid, rows, columns, device), single)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """[N, 1, F, T] → logits [N, classes].

        Args:
            x: features of ``input_shape`` (or shorter in time, with split codes).
            keep: patches to look at, int64 [K]; if None, a training step samples its own and evaluation keeps all.
        """
        patches = self.patch_embed(x)  # [N, C, F', T']
        grid = (int(patches.shape[2]), int(patches.shape[3]))
        patches, tokens = self._coded(patches, grid)  # [N, F'·T', C], [1, 1 or 2, C]
        if keep is None and self.training:
            keep = self.sample_keep(grid, x.device)
        if keep is not None:
            patches = patches[:, keep]  # [N, K, C]
        sequence = torch.cat((for_batch(tokens, int(x.shape[0])), patches), dim=1)  # [N, 2 + K, C]
        sequence = self.norm(self.blocks(sequence))
        pooled = sequence[:, : int(tokens.shape[1])].mean(dim=1)  # [N, C]
        logits: Tensor = self.head(pooled)
        return logits

    def _coded(self, patches: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Patches [N, F'·T', C] and tokens [1, 1 or 2, C] with their positional codes added."""
        tokens: Tensor = self.cls_token
        if self.layout.distillation:
            tokens = torch.cat((tokens, self.dist_token), dim=1)
        fits = grid[0] == self.grid[0] and (grid[1] <= self.grid[1] if self.layout.split_codes else grid == self.grid)
        if not fits:
            raise BadConfigError(
                f"{grid[0]}×{grid[1]} patches for positional codes of {self.grid[0]}×{self.grid[1]}",
                where="large-vit",
                mend="set input_shape to the features' shape",
            )
        if self.layout.split_codes:
            patches = patches + self.freq_new_pos_embed + self.time_new_pos_embed[..., : grid[1]]
            return to_tokens(patches), tokens + self.new_pos_embed
        count = int(tokens.shape[1])
        return to_tokens(patches) + self.pos_embed[:, count:], tokens + self.pos_embed[:, :count]
