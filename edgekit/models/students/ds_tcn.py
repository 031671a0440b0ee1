"""DS-TCN, depthwise-separable convolutions over time alone: the family of streaming wake-word detectors.

Frequencies are the channels of the first layer, as in TC-ResNet (Choi et al., "Temporal Convolution for Real-time
Keyword Spotting on Mobile Devices", Interspeech 2019); a block's depthwise kernels may have several lengths, each for
its share of the channels, as in MixConv (Tan & Le, 2019) and the MixedNets of microWakeWord. The defaults are the shape
of MLPerf Tiny's streaming wake word (v1.3): 40 log-mel bins, kernels of 3, 5, 10 and 15 frames without padding over a
window of 30.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.causal import AXES, need_frames, newest
from edgekit.models.registry import register


@register("ds-tcn", causal=lambda axis: {"time": axis})
class DsTcn(nn.Module):
    """Depthwise-separable blocks over time, mean over the frames that are left, dense.

    Args:
        classes: number of outputs.
        bins: values of a frame.
        channels: width of each block.
        kernels: frames of each block's depthwise kernel, or a list of lengths that share the block's channels.
        strides: of each block in time; all 1 when not given.
        dilations: of each block in time; all 1 when not given.
        residual: which blocks have a shortcut of the newest frames (with a 1×1 where the width changes); none when not
            given.
        time: axis of time in [N, 1, H, W], "height" (layout "time_freq") or "width".
        dropout: probability after each block.

    Raises:
        BadConfigError: lists of different lengths, or a value out of range.
    """

    def __init__(
        self,
        classes: int = 3,
        bins: int = 40,
        channels: Sequence[int] = (128, 64, 64, 32),
        kernels: Sequence[int | Sequence[int]] = (3, 5, 10, 15),
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        residual: Sequence[bool] | None = None,
        time: str = "height",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        count = len(channels)
        steps, gaps = strides or [1] * count, dilations or [1] * count
        shortcuts = residual or [False] * count
        if len({count, len(kernels), len(steps), len(gaps), len(shortcuts)}) != 1 or not count:
            raise BadConfigError("lists of different lengths", where="ds-tcn", mend="one value a block")
        if time not in AXES or not 0.0 <= dropout < 1.0 or bins < 1:
            raise BadConfigError(
                "time, dropout or bins is out of range", where="ds-tcn", mend="time is height or width"
            )
        self.time = time
        blocks, width, self.frames, hop = [], bins, 1, 1
        for after, kernel, step, gap, shortcut in zip(channels, kernels, steps, gaps, shortcuts, strict=True):
            lengths = [kernel] if isinstance(kernel, int) else list(kernel)
            blocks.append(TimeBlock(width, after, lengths, step, gap, shortcut, dropout))
            self.frames += (max(lengths) - 1) * gap * hop
            hop, width = hop * step, after
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, T, F] (or [N, 1, F, T]) → logits [N, classes].

        Raises:
            BadConfigError: fewer frames than the network looks at.
        """
        # [N, F, T, 1]: frequencies become channels
        x = x.permute(0, 3, 2, 1) if self.time == "height" else x.permute(0, 2, 3, 1)
        need_frames(int(x.shape[2]), self.frames, "ds-tcn")
        x = self.blocks(x)  # [N, C, T', 1]
        logits: Tensor = self.dense(x.mean(dim=(2, 3)))  # [N, C] → [N, classes]
        return logits

    def sliding(self, x: Tensor, window: int) -> Tensor:
        """Logits of every window of ``window`` frames at once: [N, 1, T, F] → [N, classes, T − window + 1].

        The mean over a window's frames and the dense layer after it are linear: each frame's logits, averaged.

        Raises:
            BadConfigError: a window shorter than what the network looks at.
        """
        need_frames(window, self.frames, "ds-tcn")
        x = x.permute(0, 3, 1, 2) if self.time == "height" else x.permute(0, 2, 1, 3)
        x = x.contiguous()  # [N, F, 1, T]
        for block in self.blocks:
            x = cast(TimeBlock, block).across(x)
        told = self.dense(x[:, :, 0].transpose(1, 2)).transpose(1, 2)  # [N, classes, T']
        averaged: Tensor = nn.functional.avg_pool1d(told, window - self.frames + 1, 1)
        return averaged


class TimeBlock(nn.Module):
    """Depthwise over time, 1×1, batch norm, the shortcut's newest frames, ReLU."""

    def __init__(
        self, before: int, after: int, kernels: list[int], stride: int, dilation: int, shortcut: bool, dropout: float
    ) -> None:
        super().__init__()
        if min(kernels) < 1 or stride < 1 or dilation < 1 or len(kernels) > before:
            raise BadConfigError(f"kernels {kernels}, stride {stride}", where="ds-tcn", mend="use sizes of at least 1")
        self.shares = _shares(before, len(kernels))
        self.reach = [(kernel - 1) * dilation for kernel in kernels]
        self.stride, self.dilation = stride, dilation
        self.depthwise = nn.ModuleList(
            nn.Conv2d(share, share, (kernel, 1), (stride, 1), dilation=(dilation, 1), groups=share, bias=False)
            for share, kernel in zip(self.shares, kernels, strict=True)
        )
        self.pointwise = nn.Conv2d(before, after, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.skip: nn.Module | None = None
        if shortcut:
            self.skip = nn.Identity()
            if before != after or stride != 1:
                self.skip = nn.Sequential(
                    nn.Conv2d(before, after, 1, (stride, 1), bias=False), nn.BatchNorm2d(after), nn.ReLU()
                )
        self.relu, self.dropout = nn.ReLU(), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, T, 1] → [N, out, T', 1]."""
        longest = max(self.reach)
        frames = int(x.shape[2])
        parts = [
            conv(newest(part, frames - longest + reach, 2))  # all kernels end at the same frame
            for conv, part, reach in zip(self.depthwise, x.split(self.shares, dim=1), self.reach, strict=True)  # type: ignore[no-untyped-call]
        ]
        y = self.norm(self.pointwise(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)))
        if self.skip is not None:
            y = y + self.skip(newest(x, (int(y.shape[2]) - 1) * self.stride + 1, 2))
        out: Tensor = self.dropout(self.relu(y))
        return out

    def across(self, x: Tensor) -> Tensor:
        """The same with time as the last axis, [N, in, 1, T] → [N, out, 1, T']: in training twice as fast."""
        longest = max(self.reach)
        frames = int(x.shape[3])
        parts = [
            nn.functional.conv2d(
                newest(part, frames - longest + reach, 3),
                weight.transpose(2, 3),
                stride=(1, self.stride),
                dilation=(1, self.dilation),
                groups=int(part.shape[1]),
            )
            for weight, part, reach in zip(
                self.depthwise.parameters(), torch.split(x, self.shares, dim=1), self.reach, strict=True
            )
        ]
        y = self.norm(self.pointwise(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)))
        if self.skip is not None:
            latest = newest(x, (int(y.shape[3]) - 1) * self.stride + 1, 3)
            y = y + self.skip(latest[..., :: self.stride])
        out: Tensor = self.dropout(self.relu(y))
        return out


def _shares(channels: int, count: int) -> list[int]:
    """``channels`` in ``count`` nearly equal parts."""
    return [channels // count + (1 if i < channels % count else 0) for i in range(count)]
