"""ResNet34 for speakers: basic blocks on the spectrogram, statistics over time.

He et al., CVPR 2016, table 1, with the four stages 3/4/6/3 at narrow widths (32 to 256 in the public speaker recipes).
With ``partition`` the 3×3 convolutions of equal width, all but the strided ones, are partitioned and fused.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import conv_bn
from edgekit.models.partition import PartitionFusion
from edgekit.models.registry import register
from edgekit.models.speakers.heads import SpeakerModel, Statistics

_STAGES = (3, 4, 6, 3)


def _square(channels: int, partition: int, *, relu: bool) -> nn.Module:
    """3×3 of equal width, plain or partitioned, with batch norm."""
    if partition == 1:
        return conv_bn(channels, channels, (3, 3), relu=relu)
    return PartitionFusion(channels, partition, lambda width: conv_bn(width, width, (3, 3), relu=relu), nn.BatchNorm2d)


class _Basic(nn.Module):
    """Two 3×3 convolutions and the shortcut, projected where the width or size changes."""

    def __init__(self, given: int, made: int, stride: int, partition: int) -> None:
        super().__init__()
        same = given == made and stride == 1
        first = _square(made, partition, relu=True) if same else conv_bn(given, made, (3, 3), (stride, stride))
        self.layers = nn.Sequential(first, _square(made, partition, relu=False))
        self.shortcut = nn.Identity() if same else conv_bn(given, made, stride=(stride, stride), relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → [N, C', F', T']."""
        out: Tensor = (self.layers(x) + self.shortcut(x)).relu()
        return out


class _Trunk(nn.Module):
    """[N, 1, F, T] → pooled statistics."""

    def __init__(self, bins: int, width: int, partition: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn(1, width, (3, 3))]
        given = width
        for stage, blocks in enumerate(_STAGES):
            for number in range(blocks):
                made = width * 2**stage
                stride = 2 if stage and not number else 1
                layers.append(_Basic(given, made, stride, partition))
                given = made
        self.layers = nn.Sequential(*layers)
        self.pool = Statistics()
        self.pooled = 2 * given * -(-bins // 8)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → [N, 2·8·width·⌈F/8⌉]."""
        out: Tensor = self.pool(self.layers(x).flatten(1, 2))
        return out


@register("speaker-resnet34")
class SpeakerResNet34(SpeakerModel):
    """Features with frequency first → logits of the training speakers; ``embed`` for verification.

    Args:
        classes: speakers in training.
        bins: mel bins.
        width: channels of the first stage; the others have 2, 4 and 8 times as many.
        embedding: width of the embedding.
        partition: subsets of the 3×3 layers; 1 leaves them as they are.

    Raises:
        BadConfigError: a width that the subsets do not divide.
    """

    def __init__(
        self, classes: int = 10, bins: int = 40, width: int = 16, embedding: int = 96, partition: int = 1
    ) -> None:
        if min(bins, width, embedding, partition) < 1 or width % partition:
            text = f"width {width} and {partition} subsets"
            raise BadConfigError(text, where="speaker-resnet34", mend="choose subsets that divide the width")
        trunk = _Trunk(bins, width, partition)
        super().__init__(trunk, trunk.pooled, embedding, classes)
