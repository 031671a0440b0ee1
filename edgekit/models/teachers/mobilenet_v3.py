"""MobileNetV3-Large for spectrograms, in the layout of EfficientAT's checkpoints (mn04 … mn10).

Howard et al., "Searching for MobileNetV3", 2019, table 1; Schmid et al., "Efficient Large-Scale Audio Tagging via
Transformer-to-CNN Knowledge Distillation", ICASSP 2023: one input channel, squeeze-and-excitation over channels, widths
scaled. With 527 classes: width 0.4 has 0.98 M parameters, width 1.0 4.88 M. Modules have the published checkpoints'
names (``features.4.block.2.conc_se_layers.0.fc1.weight``, …).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.layers import make_divisible
from edgekit.models.registry import register


@dataclass(frozen=True)
class _Row:
    """One row of the paper's table: kernel, inner width, width, squeeze-and-excitation, hard swish, stride."""

    kernel: int
    inner: int
    width: int
    squeeze: bool
    swish: bool
    stride: int


_ROWS = (
    _Row(3, 16, 16, False, False, 1),
    _Row(3, 64, 24, False, False, 2),
    _Row(3, 72, 24, False, False, 1),
    _Row(5, 72, 40, True, False, 2),
    _Row(5, 120, 40, True, False, 1),
    _Row(5, 120, 40, True, False, 1),
    _Row(3, 240, 80, False, True, 2),
    _Row(3, 200, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1),
    _Row(3, 480, 112, True, True, 1),
    _Row(3, 672, 112, True, True, 1),
    _Row(5, 672, 160, True, True, 2),
    _Row(5, 960, 160, True, True, 1),
    _Row(5, 960, 160, True, True, 1),
)
_STEM, _LAST = 16, 1280


@register("mobilenet-v3")
class MobileNetV3(nn.Module):
    """Strided stem, 15 inverted residuals, 1×1, global mean, two linear layers.

    Args:
        classes: number of outputs.
        width: factor of all widths, each rounded to a multiple of 8: 0.4 is mn04, 1.0 is mn10.
        dropout: probability before the last layer.

    Raises:
        BadConfigError: a value out of range.
    """

    def __init__(self, classes: int = 10, width: float = 1.0, dropout: float = 0.2) -> None:
        super().__init__()
        if not 0 < width <= 8 or not 0.0 <= dropout < 1.0:
            raise BadConfigError(f"width {width} or dropout {dropout} is out of range", where="mobilenet-v3")
        channels = make_divisible(_STEM * width)
        layers: list[nn.Module] = [_conv(1, channels, 3, 2, swish=True)]  # [N, C, F/2, T/2]
        for row in _ROWS:
            inner, after = make_divisible(row.inner * width), make_divisible(row.width * width)
            layers.append(InvertedResidual(channels, inner, after, row))
            channels = after
        layers.append(_conv(channels, 6 * channels, swish=True))  # [N, 6C, F/32, T/32]
        self.features = nn.Sequential(*layers)
        last = make_divisible(_LAST * width)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6 * channels, last),
            nn.Hardswish(),
            nn.Dropout(dropout),
            nn.Linear(last, classes),
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → logits [N, classes]."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


class InvertedResidual(nn.Module):
    """[1×1 expand], depthwise, [squeeze-and-excitation], 1×1 project; shortcut where the shape stays."""

    def __init__(self, in_channels: int, inner: int, out_channels: int, row: _Row) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if inner != in_channels:
            layers.append(_conv(in_channels, inner, swish=row.swish))
        layers.append(_conv(inner, inner, row.kernel, row.stride, groups=inner, swish=row.swish))
        if row.squeeze:
            layers.append(_SqueezeExcitations(inner))
        layers.append(_conv(inner, out_channels, activate=False))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, F, T] → [N, out, F/stride, T/stride]."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class SqueezeExcitation(nn.Module):
    """x · sigmoid(W2·ReLU(W1·mean(x))) for each channel (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = make_divisible(channels // 4)
        self.fc1 = nn.Linear(channels, squeezed)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(squeezed, channels)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, F, T] → the same shape."""
        scale = self.sigmoid(self.fc2(self.relu(self.fc1(x.mean(dim=(2, 3))))))  # [N, C]
        out: Tensor = x * scale[:, :, None, None]
        return out


class _SqueezeExcitations(nn.Module):
    """The published layout keeps a list of them, one an axis; all published checkpoints have the channel axis only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([SqueezeExcitation(channels)])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conc_se_layers[0](x)
        return out


def _conv(
    in_channels: int,
    out_channels: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    *,
    swish: bool = False,
    activate: bool = True,
) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU or hard swish."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01),
    ]
    if activate:
        layers.append(nn.Hardswish() if swish else nn.ReLU())
    return nn.Sequential(*layers)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.01)
        nn.init.zeros_(module.bias)
