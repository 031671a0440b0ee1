"""TensorFlow's two named paddings in numbers."""

from __future__ import annotations

from typing import Literal

Pair = tuple[int, int]
NamedPadding = Literal["VALID", "SAME"]


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """(before, after) along one axis that TensorFlow's SAME adds: ceil(size/stride) outputs, the odd one after."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def named_padding(
    size: Pair, kernel: Pair, stride: Pair, dilation: Pair, pad: tuple[Pair, Pair]
) -> NamedPadding | None:
    """The name of ``pad`` ((top, bottom), (left, right)), or None where it has none."""
    if pad == ((0, 0), (0, 0)):
        return "VALID"
    same = tuple(same_padding(*axis) for axis in zip(size, kernel, stride, dilation, strict=True))
    return "SAME" if pad == same else None
