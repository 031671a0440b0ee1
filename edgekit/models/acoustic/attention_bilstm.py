"""Attention BiLSTM on spectrograms: convolutions over time, two recurrent layers, attention, two dense layers.

De Andrade et al., "A neural attention model for speech command recognition", 2018, fig. 1; a source of Voice2Series.
"unet-attention-bilstm" puts a U-Net over the spectrogram before it (Yang et al., "Voice2Series", ICML 2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import conv_bn
from edgekit.models.registry import register


@register("attention-bilstm")
class AttentionBiLstm(nn.Module):
    """Features with time first → logits; the middle frame asks, all frames answer.

    Args:
        classes: number of outputs.
        bins: features of a frame.
        channels: of the convolution over time.
        hidden: units of each direction.
        dense: width of the layer before the logits.

    Raises:
        BadConfigError: a value out of range.
    """

    def __init__(
        self, classes: int = 10, bins: int = 40, channels: int = 10, hidden: int = 64, dense: int = 64
    ) -> None:
        super().__init__()
        if min(bins, channels, hidden, dense) < 1:
            raise BadConfigError("bins, channels, hidden or dense is less than 1", where="attention-bilstm")
        self.stem = nn.Sequential(conv_bn(1, channels, (5, 1)), conv_bn(channels, 1, (5, 1)))
        self.recurrent = nn.LSTM(bins, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.query = nn.Linear(2 * hidden, 2 * hidden)
        self.dense = nn.Linear(2 * hidden, dense)
        self.head = nn.Linear(dense, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, T, F] → logits [N, classes]."""
        out: Tensor = self.head(functional.relu(self.dense(self.attended(x)[0])))
        return out

    def attended(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 1, T, F] → what attention gathers [N, 2·hidden], and its weights over time [N, T], which sum to 1."""
        states, _ = self.recurrent(self.stem(x)[:, 0])  # [N, T, 2·hidden]
        query = self.query(states[:, states.shape[1] // 2])  # [N, 2·hidden]
        weights = torch.einsum("nc,ntc->nt", query, states).softmax(dim=1)
        return torch.einsum("nt,ntc->nc", weights, states), weights


@register("unet-attention-bilstm")
class UnetAttentionBiLstm(AttentionBiLstm):
    """:class:`AttentionBiLstm` behind a U-Net of two levels that gives a spectrogram of the same shape.

    Args:
        classes, bins, channels, hidden, dense: see :class:`AttentionBiLstm`.
        unet: channels of the U-Net's first level.
    """

    def __init__(
        self,
        classes: int = 10,
        bins: int = 40,
        channels: int = 10,
        hidden: int = 64,
        dense: int = 64,
        unet: int = 8,
    ) -> None:
        super().__init__(classes, bins, channels, hidden, dense)
        self.down = nn.ModuleList([conv_bn(1, unet, (3, 3)), conv_bn(unet, 2 * unet, (3, 3))])
        self.bottom = conv_bn(2 * unet, 4 * unet, (3, 3))
        self.up = nn.ModuleList([conv_bn(6 * unet, 2 * unet, (3, 3)), conv_bn(3 * unet, unet, (3, 3))])
        self.last = nn.Conv2d(unet, 1, 1)

    def attended(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`AttentionBiLstm.attended`, of the U-Net's output."""
        return super().attended(self._unet(x))

    def _unet(self, x: Tensor) -> Tensor:
        """[N, 1, T, F] → [N, 1, T, F]."""
        skips: list[Tensor] = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2, ceil_mode=True)
        x = self.bottom(x)
        for level, skip in zip(self.up, reversed(skips), strict=True):
            x = functional.interpolate(x, size=skip.shape[2:], mode="nearest")
            x = level(torch.cat((x, skip), dim=1))
        out: Tensor = self.last(x)
        return out
