"""The piece of one channel that a depthwise kernel gathers into working memory."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]

PLANE_LIMIT = 1024
"""Bytes of a depthwise kernel's int16 plane above which it must be small beside the layer's output to be kept whole."""


@dataclass(frozen=True)
class Plane:
    """The padded piece of one channel that a depthwise kernel gathers: all of it, or tiles of output rows.

    Attributes:
        out_height, out_width, channels: of the output.
        kernel, stride, dilation: (h, w).
        element: bytes of an activation.
    """

    out_height: int
    out_width: int
    channels: int
    kernel: Pair
    stride: Pair
    dilation: Pair
    element: int = 1

    @property
    def width(self) -> int:
        """Columns of a plane of bytes."""
        return (self.out_width - 1) * self.stride[1] + (self.kernel[1] - 1) * self.dilation[1] + 1

    def height(self, tile: int) -> int:
        """Rows of a plane of bytes for ``tile`` output rows."""
        return (tile - 1) * self.stride[0] + (self.kernel[0] - 1) * self.dilation[0] + 1

    @property
    def along(self) -> int:
        """Axis, 0 or 1, along which SIMD kernels compute pairs of outputs: neither dilated nor odd if there is one."""
        sizes = (self.out_height, self.out_width)
        pairs = [-(-sizes[axis] // 2) * sizes[1 - axis] for axis in (0, 1)]
        cost = [(self.dilation[axis] > 1, pairs[axis], -self.kernel[axis]) for axis in (0, 1)]
        return 0 if cost[0] < cost[1] else 1

    @property
    def wide(self) -> Pair:
        """(rows, values a row) of the whole int16 plane, its rows along ``along`` and of an even length."""
        along, across = self.along, 1 - self.along
        out = (self.out_height, self.out_width)
        pairs = out[along] + out[along] % 2
        length = (pairs - 1) * self.stride[along] + (self.kernel[along] - 1) * self.dilation[along] + 1
        rows = (out[across] - 1) * self.stride[across] + (self.kernel[across] - 1) * self.dilation[across] + 1
        return rows, length + length % 2

    @property
    def whole(self) -> bool:
        """The plane is gathered whole, which lets the kernel run in place."""
        output = self.out_height * self.out_width * self.channels * self.element
        return self._wide_bytes <= max(PLANE_LIMIT, output // 4)

    @property
    def tile(self) -> int:
        """Output rows a tile: all, or as many as PLANE_LIMIT allows, at least one."""
        if self.whole:
            return self.out_height
        fixed = (self.kernel[0] - 1) * self.dilation[0] + 1
        fitting = (PLANE_LIMIT // max(self.width, 1) - fixed) // self.stride[0] + 1
        return max(min(self.out_height, fitting), min(self.out_height, 1))

    @property
    def nbytes(self) -> int:
        """Working memory: of the whole int16 plane, or of a tile of bytes; of int16 there are no tiles."""
        if self.whole:
            return self._wide_bytes
        return self.height(self.tile) * self.width if self.element == 1 else 0

    @property
    def _wide_bytes(self) -> int:
        rows, length = self.wide
        return 2 * rows * length
