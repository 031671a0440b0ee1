"""CP-ResNet, the receptive-field regularised residual network of DCASE Task 1.

Koutini et al., "Receptive Field Regularization Techniques for Audio Classification and Tagging with Deep Convolutional
Neural Networks", 2021; the defaults are the 128 k size of Schmid et al., DCASE 2022 (ρ = 8): 127,684 parameters and
28.84 MMAC (``dcase`` convention) at 256×43. ρ says how many of the convolutions are 3×3; all later ones are 1×1, so
that the receptive field stops growing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import GlobalMean
from edgekit.models.registry import register


@dataclass(frozen=True)
class _Layout:
    """What the two published generations do differently.

    Attributes:
        grid: places of blocks in a stage, over which ρ counts; a stage may have fewer blocks than places.
        first_rho: the ρ from which the first convolution after block 1 of stage 1 is 3×3.
        first_pool: whether a 2×2 max-pool stands before stage 1.
        pool: window and stride of the max-pools after blocks 1, 2 and 4 of stage 1.
    """

    grid: int
    first_rho: int
    first_pool: bool
    pool: tuple[int, int]


_LAYOUTS = {"2022": _Layout(2, 2, True, (2, 1)), "2020": _Layout(4, 1, False, (2, 2))}
_POOLED_AFTER = (1, 2, 4)


@register(
    "cp-resnet", causal="its borders are part of what it learns, and its field of view is longer than most windows"
)
class CpResNet(nn.Module):
    """Strided 5×5 stem, three stages of residual blocks, 1×1 head, global mean.

    Args:
        classes: number of outputs.
        rho: receptive field: one more of the convolutions is 3×3 for each step of it.
        base_channels: width of the stem and of stage 1; stages 2 and 3 are twice and four times as wide.
        blocks: blocks of each of the three stages.
        groups: groups of all convolutions of stage 2.
        cut_channels: channels that stage 3 has less.
        layout: "2022" (small, at most 2 blocks a stage) or "2020" (at most 4, pools over time as well).

    Raises:
        BadConfigError: a value out of range, or an unknown layout.
    """

    def __init__(
        self,
        classes: int = 10,
        rho: int = 8,
        base_channels: int = 32,
        blocks: Sequence[int] = (2, 1, 1),
        groups: int = 2,
        cut_channels: int = 36,
        layout: str = "2022",
    ) -> None:
        super().__init__()
        if layout not in _LAYOUTS:
            raise BadConfigError(f"unknown layout {layout!r}", where="cp-resnet", mend="use '2022' or '2020'")
        form = _LAYOUTS[layout]
        if len(blocks) != 3 or any(not 1 <= count <= form.grid for count in blocks):
            raise BadConfigError(
                f"{blocks!r} are not three counts from 1 to {form.grid}", where="cp-resnet blocks", mend="as (2, 1, 1)"
            )
        widths = (base_channels, 2 * base_channels, 4 * base_channels - cut_channels)
        if min(widths) < 1 or groups < 1 or base_channels % groups:
            raise BadConfigError("the widths do not fit the groups or the cut", where="cp-resnet", mend="widen it")
        # 5×5 with padding 1, as published: [N, 1, F, T] → [N, C, (F−3)/2+1, (T−3)/2+1]
        stem: list[nn.Module] = [
            nn.Conv2d(1, base_channels, 5, 2, 1, bias=False),
            nn.BatchNorm2d(base_channels),
            nn.ReLU(),
        ]
        if form.first_pool:
            stem.append(nn.MaxPool2d(2))  # [N, C, F/4, T/4]
        self.stem = nn.Sequential(*stem)
        layers: list[nn.Module] = []
        channels = base_channels
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for place in range(count):
                kernels = _kernels(rho, form, stage * form.grid + place)
                layers.append(ResidualBlock(channels, width, kernels, groups if stage == 1 else 1))
                channels = width
                if stage == 0 and place + 1 in _POOLED_AFTER:
                    layers.append(nn.MaxPool2d(form.pool))
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Conv2d(channels, classes, 1, bias=False), nn.BatchNorm2d(classes))
        self.pool = GlobalMean()
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        x = self.stem(x)  # [N, C, F/4, T/4]
        x = self.blocks(x)  # [N, 4C − cut, F', T']
        logits: Tensor = self.pool(self.head(x))  # [N, classes, F', T'] → [N, classes]
        return logits


class ResidualBlock(nn.Module):
    """Two convolutions with batch norm, a 1×1 shortcut where the width changes, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernels: tuple[int, int], groups: int) -> None:
        super().__init__()
        first, second = kernels
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, first, padding=first // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, second, padding=second // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, groups=groups, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, F, T] → [N, out, F, T]."""
        out: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return out


def _kernels(rho: int, form: _Layout, place: int) -> tuple[int, int]:
    """Kernel sizes of the two convolutions of the block at ``place``: 3 while ρ reaches them, then 1."""
    if place == 0:
        return 3, 1
    position = 2 * (place - 1) + form.first_rho
    return (3 if rho >= position else 1), (3 if rho > position else 1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
