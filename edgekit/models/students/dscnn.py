"""DS-CNN, the depthwise-separable network of keyword spotting.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2018; the defaults are the MLPerf Tiny reference
(49×10 MFCC, 2.66 MMAC; its "24.9 K" parameters count biases that batch norm makes void and the moving statistics: here
23,180 trained ones). Widths and strides of each block can be given, so that the same family fits
larger log-mel inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.causal import along_time
from edgekit.models.dense_time import DenseTime
from edgekit.models.layers import GlobalMean, conv_bn, pair
from edgekit.models.level import PeakLevel
from edgekit.models.registry import register


@register("ds-cnn", causal=lambda axis: {"causal": axis})
class DsCnn(nn.Module):
    """Stem convolution, depthwise-separable blocks, global mean, dense.

    Args:
        classes: number of outputs.
        channels: width of the stem and of all blocks, or a list: the stem's, then one a block.
        blocks: number of blocks; may be left out when ``channels`` is a list.
        stem_kernel: (height, width) of the stem's kernel.
        stem_stride: (height, width) of the stem's stride.
        block_strides: stride of each block's depthwise convolution, one or a (height, width) pair a block; all 1 when
            not given.
        head_kernel: (height, width) of a last depthwise convolution without padding. Where it spans the frequency axis
            of the last maps, each channel weighs the frequencies, over which a plain global mean averages. None leaves
            it out, as the reference does.
        dropout: probability before the dense layer.
        peak_range: dynamic range below each clip's peak that the network sees, see
            :class:`~edgekit.models.level.PeakLevel`; None leaves the levels as they are.
        causal: the axis of time, "height" or "width": nothing is padded along it, so that the network streams exactly
            (docs/streaming.md). None pads both axes.
        dense_time: the axis of time, "height" or "width", along which the blocks do not stride in evaluation, see
            :mod:`edgekit.models.dense_time`: weights and training stay the same, MACs rise. None strides always.

    Raises:
        BadConfigError: lengths of the lists do not fit together, or a value is out of range.
    """

    def __init__(
        self,
        classes: int = 12,
        channels: int | Sequence[int] = 64,
        blocks: int | None = None,
        stem_kernel: int | Sequence[int] = (10, 4),
        stem_stride: int | Sequence[int] = (2, 2),
        block_strides: Sequence[int | Sequence[int]] | None = None,
        head_kernel: int | Sequence[int] | None = None,
        dropout: float = 0.2,
        peak_range: float | None = None,
        causal: str | None = None,
        dense_time: str | None = None,
    ) -> None:
        super().__init__()
        if causal and dense_time:
            raise BadConfigError(
                "a stream has no frames beyond its border", where="ds-cnn dense_time", mend="drop it, or causal"
            )
        if causal and peak_range is not None:
            raise BadConfigError(
                "the peak of a clip is not known in a stream", where="ds-cnn peak_range", mend="drop it"
            )
        widths = _widths(channels, blocks)
        strides = [(1, 1)] * (len(widths) - 1)
        if block_strides is not None:
            strides = [pair(stride, "ds-cnn block_strides") for stride in block_strides]
        if len(strides) != len(widths) - 1:
            raise BadConfigError(
                f"{len(strides)} strides for {len(widths) - 1} blocks", where="ds-cnn block_strides", mend="one a block"
            )
        if not 0.0 <= dropout < 1.0:
            raise BadConfigError(f"{dropout} is not from 0 to below 1", where="ds-cnn dropout", mend="write 0.2")
        kernel = pair(stem_kernel, "ds-cnn stem_kernel")
        # Half the kernel for odd sizes; for the reference's even (10, 4) this gives its 25×5 from 49×10.
        padding = along_time(causal, (kernel[0] // 2, (kernel[1] - 1) // 2), "ds-cnn causal")
        self.level: nn.Module = nn.Identity() if peak_range is None else PeakLevel(peak_range)
        self.stem = conv_bn(1, widths[0], kernel, pair(stem_stride, "ds-cnn stem_stride"), padding=padding)
        self.blocks = nn.Sequential(
            *(
                separable(before, after, stride, along_time(causal, (1, 1), "ds-cnn causal"))
                for before, after, stride in zip(widths[:-1], widths[1:], strides, strict=True)
            )
        )
        self.head: nn.Module = nn.Identity()
        if head_kernel is not None:
            size = pair(head_kernel, "ds-cnn head_kernel")
            self.head = conv_bn(widths[-1], widths[-1], size, padding=(0, 0), depthwise=True)
        self._grids = DenseTime((self.blocks, self.head), dense_time) if dense_time else None
        self.pool = GlobalMean()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(widths[-1], classes)

    def train(self, mode: bool = True) -> Self:
        """As of any module; with ``dense_time``, the blocks stride in training alone."""
        super().train(mode)
        if self._grids is not None:
            self._grids.use(strided=mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, H, W] → logits [N, classes]."""
        x = self.stem(self.level(x))  # [N, C0, H/s, W/s]
        x = self.blocks(x)  # [N, C, H', W']
        x = self.pool(self.head(x))  # [N, C]
        logits: Tensor = self.dense(self.dropout(x))  # [N, classes]
        return logits


def separable(
    in_channels: int, out_channels: int, stride: tuple[int, int], padding: tuple[int, int] = (1, 1)
) -> nn.Sequential:
    """Depthwise 3×3 + BN + ReLU, pointwise + BN + ReLU."""
    return nn.Sequential(
        conv_bn(in_channels, in_channels, (3, 3), stride, padding=padding, depthwise=True),
        conv_bn(in_channels, out_channels),
    )


def _widths(channels: int | Sequence[int], blocks: int | None) -> list[int]:
    """Stem width and then one a block."""
    if isinstance(channels, int):
        widths = [channels] * (1 + (4 if blocks is None else blocks))
    else:
        widths = list(channels)
        if blocks is not None and blocks != len(widths) - 1:
            raise BadConfigError(
                f"{len(widths)} channels do not fit {blocks} blocks", where="ds-cnn channels", mend="stem + one a block"
            )
    if len(widths) < 2 or any(isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in widths):
        raise BadConfigError(f"{channels!r} are no widths", where="ds-cnn channels", mend="write 64 or [64, 64, 96]")
    return widths
