"""TF-SepNet, time-frequency separate convolutions for acoustic scenes.

Cai et al., "TF-SepNet: An Efficient 1D Kernel Design in CNNs for Low-Complexity Acoustic Scene Classification",
ICASSP 2024. Layout "2023" with W = 40 is the DCASE 2023 submission: 54,270 parameters and 29.7 MMAC (``dcase``
convention) at 256×64. Layout "2024" with W = 64 is TF-SepNet-64 (Cai et al., DCASE 2024): 126,858 parameters, 29.42
MMAC at 512×64; its norms have no learned parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import conv_bn
from edgekit.models.registry import register

_STAGES = ((1.0, 2), (1.5, 2), (2.0, 2), (2.5, 3))
"""Width as a multiple of W, and number of blocks."""
_POOLED_BEFORE = {"2023": (1, 2), "2024": (1, 2, 3)}
"""Layout to the stages before which a max-pool halves frequency and time."""
_SHUFFLE_2023 = 10
"""Groups of the channel shuffle in the first layout; the second has as many as half the channels."""


@register("tf-sepnet", causal="its residual norms and its means over time are of the whole window")
class TfSepNet(nn.Module):
    """Stem, four stages of separate-convolution blocks between norms and pools, 1×1, mean.

    Args:
        classes: number of outputs.
        width: W, channels of the first stage; the stem has 2W.
        dropout: probability in the blocks' pooled branches.
        layout: "2023" (one 5×5 stem convolution, learned norms) or "2024" (two 3×3 ones, fixed norms, one more pool).

    Raises:
        BadConfigError: an unknown layout, or a width that halves and shuffles cannot divide.
    """

    def __init__(self, classes: int = 10, width: int = 40, dropout: float = 0.1, layout: str = "2023") -> None:
        super().__init__()
        if layout not in _POOLED_BEFORE:
            raise BadConfigError(f"unknown layout {layout!r}", where="tf-sepnet", mend="use '2023' or '2024'")
        step = 2 * _SHUFFLE_2023 if layout == "2023" else 4
        if width < 1 or width % step:
            raise BadConfigError(f"width {width} is no multiple of {step}", where="tf-sepnet", mend="use 40 or 64")
        self.stem = _stem(width, layout)
        norm = AdaptiveResidualNorm if layout == "2023" else ResidualNorm
        layers: list[nn.Module] = [norm(2 * width)]
        channels = 2 * width
        for stage, (factor, count) in enumerate(_STAGES):
            if stage in _POOLED_BEFORE[layout]:
                layers.append(nn.MaxPool2d(2))
            after = int(factor * width)
            for _ in range(count):
                groups = _SHUFFLE_2023 if layout == "2023" else after // 2
                layers.append(SeparateBlock(channels, after, groups, dropout))
                channels = after
            layers.append(norm(channels))
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        x = self.stem(x)  # [N, 2W, F/2, T/2], in 2024 F/4, T/4
        x = self.blocks(x)  # [N, 2.5W, F', T']
        logits: Tensor = self.head(x).mean(dim=(2, 3))  # [N, classes, F', T'] → [N, classes]
        return logits


def _stem(width: int, layout: str) -> nn.Module:
    if layout == "2023":
        return nn.Conv2d(1, 2 * width, 5, 2, 2, bias=False)
    half = width // 2
    grouped = nn.Conv2d(half, 2 * width, 3, 2, 1, groups=half, bias=False)
    return nn.Sequential(conv_bn(1, half, (3, 3), (2, 2)), grouped, nn.BatchNorm2d(2 * width), nn.ReLU())


class SeparateBlock(nn.Module):
    """Channel shuffle; one half is convolved and averaged over frequency, the other over time; both are residual."""

    def __init__(self, in_channels: int, out_channels: int, groups: int, dropout: float) -> None:
        super().__init__()
        half = out_channels // 2
        self.expand: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.expand = conv_bn(in_channels, out_channels)
        self.groups = groups
        self.frequency = conv_bn(half, half, (3, 1), depthwise=True)
        self.frequency_mix = conv_bn(half, half)
        self.time = conv_bn(half, half, (1, 3), depthwise=True)
        self.time_mix = conv_bn(half, half)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, F, T] → [N, out, F, T]."""
        x = channel_shuffle(self.expand(x), self.groups)  # [N, out, F, T]
        half = int(x.shape[1]) // 2
        over_frequency, over_time = x.split(half, dim=1)  # type: ignore[no-untyped-call]  # twice [N, out/2, F, T]
        pooled = self.frequency(over_frequency).mean(dim=2, keepdim=True)  # [N, out/2, 1, T]
        first = over_frequency + self.dropout(self.frequency_mix(pooled))
        pooled = self.time(over_time).mean(dim=3, keepdim=True)  # [N, out/2, F, 1]
        second = over_time + self.dropout(self.time_mix(pooled))
        return torch.cat((first, second), dim=1)


class AdaptiveResidualNorm(nn.Module):
    """γ·(ρ·x + (1 − ρ)·IFN(x)) + β with ρ, γ, β learned for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → the same shape."""
        return self.gamma * (self.rho * x + (1 - self.rho) * frequency_norm(x)) + self.beta


class ResidualNorm(nn.Module):
    """λ·x + IFN(x) with a fixed λ (Kim et al., "QTI Submission to DCASE 2021: Residual Normalization …", 2021)."""

    def __init__(self, channels: int, share: float = 0.1) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → the same shape."""
        return self.share * x + frequency_norm(x)


def frequency_norm(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Instance frequency-wise normalisation: each frequency of each clip to mean 0, variance 1 over (C, T)."""
    centred = x - x.mean(dim=(1, 3), keepdim=True)
    variance = (centred * centred).mean(dim=(1, 3), keepdim=True)
    return centred / torch.sqrt(variance + epsilon)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """[N, C, F, T] → the same shape: channel g + i·groups becomes channel i + g·(C/groups)."""
    batch, channels, height, width = (int(size) for size in x.shape)
    x = x.reshape(batch, channels // groups, groups, height, width).transpose(1, 2)
    return x.reshape(batch, channels, height, width)
