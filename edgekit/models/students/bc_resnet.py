"""BC-ResNet, broadcasted residual learning for keyword spotting.

Kim et al., "Broadcasted Residual Learning for Efficient Keyword Spotting", Interspeech 2021. Each block convolves over
frequency in two dimensions and over time in one, and broadcasts the second over the first. Counted at 40×101 with 12
classes (``dcase`` convention): τ = 1 9,232 parameters and 2.48 MMAC, τ = 3 54,168 and 14.5 M, τ = 8 321,068 and 85.9 M.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.causal import need_frames, newest
from edgekit.models.registry import register

SUB_BANDS = 5
"""Frequency bands that SubSpectralNorm normalises apart; the mel bins must be a multiple of 8 × 5."""
_STAGES = ((1.0, 2, False), (1.5, 2, True), (2.0, 4, True), (2.5, 4, False))
"""Width as a multiple of b, number of blocks, whether the first block halves frequency; stage 0 first."""


CAUSAL_FRAMES = 5 + 2 * sum(count * 2**stage for stage, (_, count, _) in enumerate(_STAGES)) + 4
"""Frames that one output of the causal network looks at: stem, time convolutions of all blocks, tail."""


def _twin(axis: str) -> dict[str, Any]:
    """Its causal twin, for front-ends that have frequency in height."""
    if axis == "height":
        mend = 'use a front-end of layout "freq_time"'
        raise BadConfigError("bc-resnet takes frequency in height", where="--causal", mend=mend)
    return {"causal": True}


@register("bc-resnet", causal=_twin)
class BcResNet(nn.Module):
    """Strided 5×5 stem, four stages of broadcasted residual blocks, depthwise 5×5 tail, global mean, 1×1.

    Args:
        classes: number of outputs.
        tau: width: b = 8·τ channels in the first stage.
        dropout: probability with which a block's temporal branch drops a channel.
        causal: nothing is padded along time, so that the network streams exactly (docs/streaming.md); it then looks at
            windows of at least ``CAUSAL_FRAMES`` frames.

    Raises:
        BadConfigError: ``tau`` or ``dropout`` out of range.
    """

    def __init__(self, classes: int = 12, tau: float = 1.0, dropout: float = 0.1, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal
        base = int(8 * tau)
        if base < 2 or not 0.0 <= dropout < 1.0:
            raise BadConfigError(
                f"tau {tau} or dropout {dropout} is out of range", where="bc-resnet", mend="tau is 1 to 8"
            )
        # [N, 1, F, T] → [N, 2b, F/2, T]
        self.stem = nn.Sequential(
            nn.Conv2d(1, 2 * base, 5, (2, 1), (2, 0 if causal else 2), bias=False), nn.BatchNorm2d(2 * base), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        channels = 2 * base
        for stage, (factor, count, halve) in enumerate(_STAGES):
            width = int(base * factor)
            for place in range(count):
                stride = 2 if halve and place == 0 else 1
                blocks.append(BroadcastBlock(channels, width, stride, 2**stage, dropout, causal))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.tail = nn.Sequential(
            nn.Conv2d(channels, channels, 5, padding=(0, 0 if causal else 2), groups=channels, bias=False),
            nn.Conv2d(channels, 4 * base, 1, bias=False),
            nn.BatchNorm2d(4 * base),
            nn.ReLU(),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Conv2d(4 * base, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]; a causal network keeps fewer of the T frames from layer to layer."""
        if self.causal:
            need_frames(int(x.shape[3]), CAUSAL_FRAMES, "bc-resnet")
        x = self.stem(x)  # [N, 2b, F/2, T]
        x = self.blocks(x)  # [N, 2.5b, F/8, T]
        x = self.tail(x)  # [N, 4b, F/8 − 4, T]
        logits: Tensor = self.head(self.pool(x)).flatten(1)  # [N, 4b, 1, 1] → [N, classes]
        return logits


class BroadcastBlock(nn.Module):
    """y = ReLU([x] + f2 + broadcast(f1(mean over frequency of f2))), with x only where the width stays.

    f2 is the depthwise convolution over frequency, f1 the one over time with its 1×1 (Kim et al., eq. 2 and 4).
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, dilation: int, dropout: float, causal: bool = False
    ) -> None:
        super().__init__()
        self.residual = in_channels == out_channels
        expand: list[nn.Module] = []
        if not self.residual:
            expand = [nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU()]
        self.frequency = nn.Sequential(
            *expand,
            nn.Conv2d(out_channels, out_channels, (3, 1), (stride, 1), (1, 0), groups=out_channels, bias=False),
            SubSpectralNorm(out_channels, SUB_BANDS),
        )
        self.time = nn.Sequential(
            nn.Conv2d(
                out_channels,
                out_channels,
                (1, 3),
                padding=(0, 0 if causal else dilation),
                dilation=(1, dilation),
                groups=out_channels,
                bias=False,
            ),
            nn.BatchNorm2d(out_channels),
            nn.SiLU(),
            nn.Conv2d(out_channels, out_channels, 1, bias=False),
            nn.Dropout2d(dropout),
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, F, T] → [N, out, F/stride, T]."""
        bands: Tensor = self.frequency(x)  # [N, out, F/stride, T]
        y = self.time(bands.mean(dim=2, keepdim=True))  # [N, out, 1, T], T − 2·dilation if causal
        frames = int(y.shape[3])
        y = newest(bands, frames, 3) + y  # broadcast over frequency
        out: Tensor = self.relu(y + newest(x, frames, 3) if self.residual else y)
        return out


class SubSpectralNorm(nn.Module):
    """Batch norm with statistics and scales of its own in each of ``bands`` groups of neighbouring frequencies.

    Chang et al., "SubSpectral Normalization for Neural Audio Data Processing", 2021.
    """

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.bands = bands
        self.norm = nn.BatchNorm2d(channels * bands)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → the same shape.

        Raises:
            BadConfigError: the bands do not divide F.
        """
        batch, channels, height, width = (int(size) for size in x.shape)
        if height % self.bands:
            raise BadConfigError(
                f"{height} frequencies are not a multiple of {self.bands} bands",
                where="bc-resnet",
                mend="use 40, 80 or 120 mel bins",
            )
        x = x.reshape(batch, channels * self.bands, height // self.bands, width)  # bands become channels
        out: Tensor = self.norm(x).reshape(batch, channels, height, width)
        return out
