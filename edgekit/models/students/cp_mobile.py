"""CP-Mobile, the inverted-residual student of DCASE Task 1.

Schmid et al., "Distilling the Knowledge of Transformers and CNNs with CP-Mobile", DCASE 2023. Defaults are the
DCASE 2024 baseline: no GRN, 32/56/104 channels, 61,148 parameters, 29,419,156 MACs (``dcase`` convention) at 256×65.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import GlobalMean, conv_bn, make_divisible, pair
from edgekit.models.registry import register

_BASELINE_STRIDES: dict[str, tuple[int, int]] = {"3": (1, 2), "4": (2, 1)}


@register("cp-mobile", causal="its means, and with GRN its norms, are over the whole window")
class CpMobile(nn.Module):
    """Two strided stem convolutions, three stages of inverted-residual blocks, 1×1 head, global mean.

    Args:
        classes: number of outputs.
        base_channels: width C of the first stage (the stem is C/4 then C wide).
        multiplier: stage i is make_divisible(C · multiplier^i, 8) wide.
        expansion: a block's inner width is make_divisible(in · expansion, 8).
        blocks: blocks of each stage.
        strides: stride (frequency, time) by block number counted from 1 over all stages; the others have stride 1.
        grn: global response normalisation at the end of each block. As integers its division becomes a reciprocal
            square root and products: a dozen small operators a block.

    Raises:
        BadConfigError: a stride for a block that does not exist, or a value out of range.
    """

    def __init__(
        self,
        classes: int = 10,
        base_channels: int = 32,
        multiplier: float = 1.8,
        expansion: float = 2.1,
        blocks: Sequence[int] = (3, 2, 1),
        strides: Mapping[str, int | Sequence[int]] | None = None,
        grn: bool = False,
    ) -> None:
        super().__init__()
        if base_channels < 4 or multiplier <= 0 or expansion <= 0 or not blocks or min(blocks) < 1:
            raise BadConfigError(
                "a width, a factor or a block count is too small", where="cp-mobile", mend="see its help"
            )
        by_block = _strides(_BASELINE_STRIDES if strides is None else strides, sum(blocks))
        base = make_divisible(base_channels)
        widths = [make_divisible(base * multiplier**stage) for stage in range(len(blocks))]
        # The two stem convolutions halve frequency and time twice: [N, 1, F, T] → [N, C, F/4, T/4]
        self.stem = nn.Sequential(
            conv_bn(1, base // 4, (3, 3), (2, 2)),
            conv_bn(base // 4, widths[0], (3, 3), (2, 2)),
        )
        layers: list[nn.Module] = []
        channels = widths[0]
        for width, count in zip(widths, blocks, strict=True):
            for _ in range(count):
                layers.append(InvertedResidual(channels, width, expansion, by_block[len(layers)], grn=grn))
                channels = width
        self.blocks = nn.Sequential(*layers)
        self.head = conv_bn(channels, classes, relu=False)
        self.pool = GlobalMean()
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        x = self.stem(x)  # [N, C, F/4, T/4]
        x = self.blocks(x)  # [N, C·m², F', T']
        logits: Tensor = self.pool(self.head(x))  # [N, classes, F', T'] → [N, classes]
        return logits


class InvertedResidual(nn.Module):
    """1×1 expand, depthwise 3×3, 1×1 project, shortcut where the width stays, optional GRN, ReLU.

    A strided block whose width stays has an average pool of the same stride as shortcut.
    """

    def __init__(
        self, in_channels: int, out_channels: int, expansion: float, stride: tuple[int, int], *, grn: bool
    ) -> None:
        super().__init__()
        inner = make_divisible(in_channels * expansion)
        self.body = nn.Sequential(
            conv_bn(in_channels, inner),
            conv_bn(inner, inner, (3, 3), stride, depthwise=True),
            conv_bn(inner, out_channels, relu=False),
        )
        self.residual = in_channels == out_channels
        # Padding counts into the mean, torch's default: on a chip this is a pad of zeros and a pool without padding.
        pool = nn.AvgPool2d(3, stride, padding=1)
        self.shortcut: nn.Module = nn.Identity() if stride == (1, 1) else pool
        self.norm: nn.Module = GlobalResponseNorm() if grn else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, F, T] → [N, out, F/stride, T/stride]."""
        y: Tensor = self.body(x)
        if self.residual:
            y = y + self.shortcut(x)
        out: Tensor = self.relu(self.norm(y))
        return out


class GlobalResponseNorm(nn.Module):
    """y = γ·(x·n) + β + x with n = g / (mean over channels of g + 1e-6), g the L2 norm of each channel over (F, T).

    γ and β are scalars that start at 0 (CP-Mobile's form of ConvNeXt V2's layer, eq. 1–3 there).
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → the same shape."""
        norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        scaled = norm / (norm.mean(dim=1, keepdim=True) + 1e-6)
        out: Tensor = self.gamma * (x * scaled) + self.beta + x
        return out


def _strides(given: Mapping[str, int | Sequence[int]], count: int) -> list[tuple[int, int]]:
    strides = [(1, 1)] * count
    for key, value in given.items():
        if not str(key).isdecimal() or not 1 <= int(key) <= count:
            raise BadConfigError(
                f"there is no block {key!r}", where="cp-mobile strides", mend=f"blocks are 1 to {count}"
            )
        strides[int(key) - 1] = pair(value, "cp-mobile strides")
    return strides


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
