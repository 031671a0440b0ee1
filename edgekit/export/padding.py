"""TensorFlow's two named paddings in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pair = tuple[int, int]
NamedPadding = Literal["VALID", "SAME"]


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a window operator.

    Attributes:
        size: of the input.
        kernel, stride, dilation: of the window.
        pad: (before, after).
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    pad: Pair

    @property
    def span(self) -> int:
        """First to last element of one window."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """Number of windows."""
        return (self.size + sum(self.pad) - self.span) // self.stride + 1

    @property
    def reached(self) -> Pair:
        """The padding that windows really reach: a stride may leave the end of it untouched."""
        before = self.pad[0]
        return before, max(0, (self.outputs - 1) * self.stride + self.span - before - self.size)


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """(before, after) along one axis that TensorFlow's SAME adds: ceil(size/stride) outputs, the odd one after."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def named_padding(rows: Axis, columns: Axis) -> NamedPadding | None:
    """The name of the padding along both axes, or None where it has none."""
    axes = (rows, columns)
    if all(axis.reached == (0, 0) for axis in axes):
        return "VALID"
    if all(axis.reached == _same(axis) and axis.outputs == -(-axis.size // axis.stride) for axis in axes):
        return "SAME"
    return None


def _same(axis: Axis) -> Pair:
    return same_padding(axis.size, axis.kernel, axis.stride, axis.dilation)


def same_after_extension(axis: Axis) -> int | None:
    """Elements to append so that SAME starts its windows where ``axis`` does; None where no extension does.

    The windows that ``axis`` has do not reach the appended elements; further windows behind them do, and must be cut.
    """
    if axis.reached == _same(axis):
        return 0
    if axis.reached[1] > 0:
        return None
    for extra in range(1, axis.stride + axis.span):
        if same_padding(axis.size + extra, axis.kernel, axis.stride, axis.dilation)[0] == axis.pad[0]:
            return extra
    return None
