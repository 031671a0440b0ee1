"""Layers that several students share. All of them lower to integer kernels once batch norm is folded."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """``3`` or ``[3, 5]`` as (height, width); recipes write either.

    Raises:
        BadConfigError: not one or two positive whole numbers.
    """
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in both):
        raise BadConfigError(
            f"{value!r} is not one or two positive whole numbers", where=name, mend="write 3 or [3, 5]"
        )
    return both[0], both[1]


def make_divisible(value: float, divisor: int = 8) -> int:
    """Nearest multiple of ``divisor``, at least ``divisor``, never below 90 % of ``value`` (MobileNetV2's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel: tuple[int, int] = (1, 1),
    stride: tuple[int, int] = (1, 1),
    *,
    padding: tuple[int, int] | None = None,
    depthwise: bool = False,
    relu: bool = True,
) -> nn.Sequential:
    """Convolution without bias, batch norm, optional ReLU.

    ``padding`` is half the kernel when not given, so odd kernels of stride 1 keep the size.
    """
    pads = (kernel[0] // 2, kernel[1] // 2) if padding is None else padding
    groups = in_channels if depthwise else 1
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, pads, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    if relu:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class GlobalMean(nn.Module):
    """Mean over height and width: [N, C, H, W] → [N, C]."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, C]."""
        pooled: Tensor = self.pool(x).flatten(1)
        return pooled
