"""The vocabulary in which a registered model is sketched, and strict readers for its arguments.

A sketch draws a model's layers with its arguments, as the torch module builds them, on whatever implements
:class:`Layers`; it holds no weights and imports no torch. Arguments come from files of strangers: every reader checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from edgekit.core.errors import BadConfigError

Pair = tuple[int, int]

MAX_WIDTH = 4_096
MAX_LAYERS = 256


@dataclass(frozen=True)
class Map:
    """A feature map: its name where it is drawn, and [channels, height, width]."""

    name: str
    channels: int
    height: int
    width: int


class Layers(Protocol):
    """What a sketch can draw; every method returns the map that the layer makes."""

    def conv_bn(
        self,
        x: Map,
        channels: int,
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        *,
        padding: Pair | None = None,
        depthwise: bool = False,
        relu: bool = True,
    ) -> Map:
        """Convolution without bias, batch norm, optional ReLU; padding is half the kernel when not given."""

    def average_pool(self, x: Map, kernel: int, stride: Pair, padding: int) -> Map:
        """Average pool whose padding is not counted."""

    def add(self, x: Map, y: Map) -> Map:
        """Element-wise sum."""

    def relu(self, x: Map) -> Map:
        """ReLU by itself."""

    def global_mean(self, x: Map) -> Map:
        """Mean over height and width."""

    def linear(self, x: Map, features: int) -> Map:
        """Dense layer with bias."""


def whole(value: object, name: str, least: int = 1, most: int = MAX_WIDTH) -> int:
    """A whole number in a range.

    Raises:
        BadConfigError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadConfigError(f"{value!r} is not a whole number from {least} to {most}", where=name)
    return value


def factor(value: object, name: str) -> float:
    """A positive factor.

    Raises:
        BadConfigError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 64:
        raise BadConfigError(f"{value!r} is not a factor", where=name)
    return float(value)


def several(value: object, name: str) -> list[Any]:
    """A list of a layer-like length.

    Raises:
        BadConfigError: it is none, is empty or too long.
    """
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_LAYERS:
        raise BadConfigError(f"{value!r} is not a list", where=name)
    return list(value)


def pair_of(value: object, name: str) -> Pair:
    """``3`` or ``[3, 5]`` as (height, width).

    Raises:
        BadConfigError: it is neither.
    """
    if isinstance(value, int):
        return (whole(value, name), whole(value, name))
    both = several(value, name)
    if len(both) != 2:
        raise BadConfigError(f"{value!r} is not a pair", where=name)
    return (whole(both[0], name), whole(both[1], name))


def half(kernel: Pair) -> Pair:
    """Padding that keeps the size under an odd kernel of stride 1."""
    return (kernel[0] // 2, kernel[1] // 2)


def divisible(value: float, divisor: int = 8) -> int:
    """Nearest multiple of ``divisor``, at least ``divisor``, never below 90 % of ``value`` (MobileNetV2's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
