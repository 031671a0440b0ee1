"""MobileViT (MobileAST-light): MobileNetV2 blocks between transformer blocks on a small map; no positional codes.

Mehta & Rastegari, "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer", ICLR 2022, scaled
to the challenge's budget: the defaults have 122,922 parameters and 18.09 MMAC (``true``) at 128×100.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import GlobalMean, conv_bn
from edgekit.models.registry import register
from edgekit.models.transformer import TransformerBlock, initialise, make_norm

PATCH = 2
"""Side of the patches that are unfolded; attention joins the pixels at the same place of all patches."""


@register("mobile-vit", causal="every patch looks at every other: windowed-ast is the transformer that streams")
class MobileVit(nn.Module):
    """Strided stem, inverted residuals down to an eighth, MobileViT blocks around a last halving, mean, linear.

    Args:
        classes: number of outputs.
        channels: widths of the stem and of the three strided stages.
        widths: token widths of the two MobileViT blocks, on the second and on the third stage.
        layers: transformer blocks in each of the two.
        heads: attention heads.
        mlp_ratio: inner width of the feed-forward layers as a multiple of the token width.
        expansion: inner width of an inverted residual as a multiple of its input's.
        norm: "layer" or "batch" (transformer.py).
        activation: "gelu", "quick-gelu" or "relu" in the transformer; convolutions have ReLU.

    Raises:
        BadConfigError: lists of wrong length, or a value out of range.
    """

    def __init__(
        self,
        classes: int = 10,
        channels: Sequence[int] = (16, 24, 32, 40),
        widths: Sequence[int] = (32, 40),
        layers: Sequence[int] = (1, 2),
        heads: int = 4,
        mlp_ratio: float = 2.0,
        expansion: int = 2,
        norm: str = "layer",
        activation: str = "gelu",
    ) -> None:
        super().__init__()
        if len(channels) != 4 or len(widths) != 2 or len(layers) != 2 or min(*channels, *widths, *layers) < 1:
            raise BadConfigError(
                "channels are four widths, widths and layers two each", where="mobile-vit", mend="see its help"
            )
        if expansion < 1 or mlp_ratio <= 0:
            raise BadConfigError("expansion and mlp_ratio are at least 1 and above 0", where="mobile-vit")
        stem, first, second, third = channels
        transformer = partial(MobileVitBlock, heads=heads, mlp_ratio=mlp_ratio, norm=norm, activation=activation)
        self.stem = conv_bn(1, stem, (3, 3), (2, 2))
        self.blocks = nn.Sequential(
            InvertedResidual(stem, first, 2, expansion),
            InvertedResidual(first, second, 2, expansion),
            transformer(second, widths[0], layers[0]),
            InvertedResidual(second, third, 2, expansion),
            transformer(third, widths[1], layers[1]),
        )
        self.pool = GlobalMean()
        self.head = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        x = self.stem(x)  # [N, C0, F/2, T/2]
        x = self.blocks(x)  # [N, C3, F/16, T/16]
        logits: Tensor = self.head(self.pool(x))  # [N, C3] → [N, classes]
        return logits


class InvertedResidual(nn.Module):
    """1×1 expand, depthwise 3×3, 1×1 project without activation, shortcut where nothing changes (MobileNetV2)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.body = nn.Sequential(
            conv_bn(in_channels, inner),
            conv_bn(inner, inner, (3, 3), (stride, stride), depthwise=True),
            conv_bn(inner, out_channels, relu=False),
        )
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, F, T] → [N, out, F/stride, T/stride]."""
        y: Tensor = self.body(x)
        return x + y if self.residual else y


class MobileVitBlock(nn.Module):
    """3×3 and 1×1 convolution, transformer over unfolded patches, 1×1 back, concatenation with the input, 3×3."""

    def __init__(
        self, channels: int, width: int, layers: int, heads: int, mlp_ratio: float, norm: str, activation: str
    ) -> None:
        super().__init__()
        self.local = nn.Sequential(conv_bn(channels, channels, (3, 3)), nn.Conv2d(channels, width, 1, bias=False))
        self.transformer = nn.Sequential(
            *(TransformerBlock(width, heads, mlp_ratio, norm=norm, activation=activation) for _ in range(layers)),
            make_norm(norm, width),
        )
        self.transformer.apply(initialise)
        self.project = conv_bn(width, channels)
        self.fuse = conv_bn(2 * channels, channels, (3, 3))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → [N, C, F, T]."""
        y = self.local(x)  # [N, D, F, T]
        height, width = int(y.shape[2]), int(y.shape[3])
        if height % PATCH or width % PATCH:  # odd sides get one row or column of zeros
            y = functional.pad(y, (0, width % PATCH, 0, height % PATCH))
        grid = (int(y.shape[2]) // PATCH, int(y.shape[3]) // PATCH)
        tokens = self.transformer(unfold(y))  # [N·4, F/2·T/2, D]
        y = fold(tokens, grid)[:, :, :height, :width]  # [N, D, F, T]
        y = torch.cat((x, self.project(y)), dim=1)  # [N, 2C, F, T]
        out: Tensor = self.fuse(y)
        return out


def unfold(x: Tensor) -> Tensor:
    """[N, D, F, T] → [N·4, F/2·T/2, D]: tokens of the pixels at the same place of each 2×2 patch."""
    batch, depth, height, width = (int(size) for size in x.shape)
    x = x.reshape(batch, depth, height // PATCH, PATCH, width // PATCH, PATCH)
    x = x.permute(0, 3, 5, 2, 4, 1)  # [N, 2, 2, F/2, T/2, D]
    return x.reshape(batch * PATCH * PATCH, (height // PATCH) * (width // PATCH), depth)


def fold(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """The reverse of :func:`unfold`: [N·4, F/2·T/2, D] → [N, D, F, T]; ``grid`` is (F/2, T/2)."""
    depth = int(tokens.shape[2])
    batch = int(tokens.shape[0]) // (PATCH * PATCH)
    x = tokens.reshape(batch, PATCH, PATCH, *grid, depth).permute(0, 5, 3, 1, 4, 2)
    return x.reshape(batch, depth, grid[0] * PATCH, grid[1] * PATCH)
