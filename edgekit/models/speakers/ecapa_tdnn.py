"""ECAPA-TDNN: Res2Net blocks over time with squeeze-and-excitation, joined, attentive statistics.

Desplanques, Thienpondt, Demuynck, "ECAPA-TDNN", Interspeech 2020, fig. 2; 512 or 1,024 channels there, fewer here.
With ``partition`` the 1×1 convolutions of each block, which hold most of its weights, are partitioned and fused.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.partition import PartitionFusion
from edgekit.models.registry import register
from edgekit.models.speakers.heads import AttentiveStatistics, SpeakerModel


class _ConvNorm(nn.Sequential):
    """Convolution over time, ReLU, batch norm (the order of the paper)."""

    def __init__(self, given: int, made: int, kernel: int = 1, dilation: int = 1) -> None:
        padding = dilation * (kernel - 1) // 2
        convolution = nn.Conv1d(given, made, kernel, padding=padding, dilation=dilation)
        super().__init__(convolution, nn.ReLU(), nn.BatchNorm1d(made))


def _pointwise(channels: int, partition: int) -> nn.Module:
    """A 1×1 layer, plain or partitioned."""
    if partition == 1:
        return _ConvNorm(channels, channels)
    return PartitionFusion(channels, partition, lambda width: _ConvNorm(width, width), nn.BatchNorm1d)


class _Res2(nn.Module):
    """Groups of channels in turn, each with the output of the one before it added (Res2Net)."""

    def __init__(self, channels: int, groups: int, dilation: int) -> None:
        super().__init__()
        self.width = channels // groups
        self.layers = nn.ModuleList(_ConvNorm(self.width, self.width, 3, dilation) for _ in range(groups - 1))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, T] → [N, C, T]."""
        parts = list(x.split(self.width, dim=1))  # type: ignore[no-untyped-call]
        for number, layer in enumerate(self.layers, start=1):
            given = parts[number] if number == 1 else parts[number] + parts[number - 1]
            parts[number] = layer(given)
        return torch.cat(parts, dim=1)


class _Excitation(nn.Module):
    """Squeeze-and-excitation over channels."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, T] → [N, C, T]."""
        result: Tensor = x * self.gate(x.mean(dim=2)).unsqueeze(2)
        return result


class _Block(nn.Module):
    """1×1, Res2, 1×1, squeeze-and-excitation, residual."""

    def __init__(self, channels: int, groups: int, dilation: int, partition: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _pointwise(channels, partition),
            _Res2(channels, groups, dilation),
            _pointwise(channels, partition),
            _Excitation(channels, max(8, channels // 8)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, T] → [N, C, T]."""
        out: Tensor = x + self.layers(x)
        return out


class _Trunk(nn.Module):
    """[N, 1, F, T] → pooled statistics."""

    def __init__(self, bins: int, channels: int, groups: int, partition: int) -> None:
        super().__init__()
        self.stem = _ConvNorm(bins, channels, 5)
        self.blocks = nn.ModuleList(_Block(channels, groups, dilation, partition) for dilation in (2, 3, 4))
        joined = 3 * channels
        self.join = nn.Sequential(nn.Conv1d(joined, joined // 2, 1), nn.ReLU())
        self.pool = AttentiveStatistics(joined // 2, max(16, channels // 4))

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → [N, 3·C]."""
        x = self.stem(x[:, 0])
        made = []
        for block in self.blocks:
            x = block(x)
            made.append(x)
        out: Tensor = self.pool(self.join(torch.cat(made, dim=1)))
        return out


@register("ecapa-tdnn")
class EcapaTdnn(SpeakerModel):
    """Features with frequency first → logits of the training speakers; :meth:`embed` for verification.

    Args:
        classes: speakers in training.
        bins: mel bins.
        channels: C of every block.
        groups: of the Res2 layers.
        embedding: width of the embedding.
        partition: subsets of the 1×1 layers; 1 leaves them as they are.

    Raises:
        BadConfigError: channels that groups or subsets do not divide.
    """

    def __init__(
        self,
        classes: int = 10,
        bins: int = 40,
        channels: int = 128,
        groups: int = 4,
        embedding: int = 96,
        partition: int = 1,
    ) -> None:
        if min(bins, channels, groups, embedding, partition) < 1 or channels % groups or channels % partition:
            text = f"{channels} channels in {groups} groups and {partition} subsets"
            raise BadConfigError(text, where="ecapa-tdnn", mend="choose numbers that divide the channels")
        trunk = _Trunk(bins, channels, groups, partition)
        super().__init__(trunk, 2 * (3 * channels // 2), embedding, classes)
