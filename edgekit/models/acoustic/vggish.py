"""The VGGish layout: blocks of 3×3 convolutions, each halved, and dense layers.

Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017: 64, 128, 256, 256, 512, 512
channels and dense layers of 4,096, 4,096 and 128; ``width`` scales them all.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import register

_BLOCKS = ((64,), (128,), (256, 256), (512, 512))
_DENSE = (4096, 4096)
_EMBEDDING = 128


@register("vggish")
class Vggish(nn.Module):
    """Four convolution blocks with max pooling, mean over the map, dense layers, embedding of 128, linear.

    The published network flattens a 6×4 map of fixed size; the mean over it takes any input.

    Args:
        classes: number of outputs.
        width: factor of all widths but the embedding's.

    Raises:
        BadConfigError: a width that leaves nothing.
    """

    def __init__(self, classes: int = 10, width: float = 0.25) -> None:
        super().__init__()
        if not 1 / 64 <= width <= 4:
            raise BadConfigError(f"width is {width}", where="vggish", mend="choose 0.0156 to 4")
        layers: list[nn.Module] = []
        given = 1
        for block in _BLOCKS:
            for channels in block:
                made = round(channels * width)
                layers += [nn.Conv2d(given, made, 3, padding=1), nn.ReLU()]
                given = made
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        dense: list[nn.Module] = []
        for size in _DENSE:
            dense += [nn.Linear(given, round(size * width)), nn.ReLU()]
            given = round(size * width)
        self.embedding = nn.Sequential(*dense, nn.Linear(given, _EMBEDDING), nn.ReLU())
        self.head = nn.Linear(_EMBEDDING, classes)
        for module in (*self.features, *self.embedding):
            if isinstance(module, nn.Conv2d | nn.Linear):  # no norm follows: PyTorch's own start fades over nine layers
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, T, F] of at least 16×16 → logits [N, classes]."""
        out: Tensor = self.head(self.embedding(self.features(x).mean(dim=(2, 3))))
        return out
