"""An attentive multi-scale convolutional recurrent network (AMCRN-style) for speakers.

Parallel convolutions of three kernel sizes, channel attention, a recurrent layer over time, attentive statistics. With
``partition`` the convolutions that join the scales are partitioned and fused.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import conv_bn
from edgekit.models.partition import PartitionFusion
from edgekit.models.registry import register
from edgekit.models.speakers.heads import AttentiveStatistics, SpeakerModel

_SCALES = (3, 5, 7)
_BLOCKS = 3


class _MultiScale(nn.Module):
    """Three depthwise scales, summed, joined by a 3×3 convolution, channel attention, halving of frequency."""

    def __init__(self, given: int, made: int, partition: int) -> None:
        super().__init__()
        self.widen = conv_bn(given, made)
        self.scales = nn.ModuleList(conv_bn(made, made, (size, size), depthwise=True) for size in _SCALES)
        self.join: nn.Module = (
            conv_bn(made, made, (3, 3))
            if partition == 1
            else PartitionFusion(made, partition, lambda width: conv_bn(width, width, (3, 3)), nn.BatchNorm2d)
        )
        inner = max(4, made // 4)
        self.gate = nn.Sequential(nn.Linear(made, inner), nn.ReLU(), nn.Linear(inner, made), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → [N, C', ⌈F/2⌉, T]."""
        x = self.widen(x)
        x = self.join(torch.stack([scale(x) for scale in self.scales]).sum(dim=0))
        x = x * self.gate(x.mean(dim=(2, 3)))[:, :, None, None]
        return nn.functional.avg_pool2d(x, (2, 1), ceil_mode=True)


class _Trunk(nn.Module):
    """[N, 1, F, T] → pooled statistics."""

    def __init__(self, bins: int, width: int, hidden: int, partition: int) -> None:
        super().__init__()
        widths = (1, *(width * 2**number for number in range(_BLOCKS)))
        self.blocks = nn.Sequential(
            *(_MultiScale(given, made, partition) for given, made in itertools.pairwise(widths))
        )
        for _ in range(_BLOCKS):
            bins = -(-bins // 2)
        self.recurrent = nn.GRU(widths[-1] * bins, hidden, batch_first=True, bidirectional=True)
        self.pool = AttentiveStatistics(2 * hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → [N, 4·hidden]."""
        x = self.blocks(x).flatten(1, 2).transpose(1, 2)  # [N, T, C·F']
        states, _ = self.recurrent(x)
        out: Tensor = self.pool(states.transpose(1, 2))
        return out


@register("amcrn")
class Amcrn(SpeakerModel):
    """Features with frequency first → logits of the training speakers; ``embed`` for verification.

    Args:
        classes: speakers in training.
        bins: mel bins.
        width: channels of the first block; the others have 2 and 4 times as many.
        hidden: units of each direction of the recurrent layer.
        embedding: width of the embedding.
        partition: subsets of the joining convolutions; 1 leaves them as they are.

    Raises:
        BadConfigError: a width that the subsets do not divide.
    """

    def __init__(
        self,
        classes: int = 10,
        bins: int = 40,
        width: int = 32,
        hidden: int = 48,
        embedding: int = 96,
        partition: int = 1,
    ) -> None:
        if min(bins, width, hidden, embedding, partition) < 1 or width % partition:
            text = f"width {width} and {partition} subsets"
            raise BadConfigError(text, where="amcrn", mend="choose subsets that divide the width")
        super().__init__(_Trunk(bins, width, hidden, partition), 4 * hidden, embedding, classes)
