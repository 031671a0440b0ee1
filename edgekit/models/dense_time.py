"""Evaluation at every step of time, with weights that were trained with strides.

A network that strides over time samples its maps on a grid, and what it answers depends on where on that grid a word
begins. The mean over all such beginnings needs no copies of the input: where a stride is left out and every later
kernel is spread by it (dilation), the global mean behind them averages over all the shifts at once, except for the
borders ("shift-and-stitch" as rarefied filters: Long et al., "Fully Convolutional Networks", CVPR 2015, 3.2).
Training keeps its strides: it is cheaper, and a random shift of each clip shows it every grid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.models.causal import AXES

Pair = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """Where a convolution samples: stride, padding and dilation, each (height, width)."""

    stride: Pair
    padding: Pair
    dilation: Pair


class DenseTime:
    """The strided and the dense grids of convolutions that follow each other.

    Args:
        layers: in the order in which they run; all convolutions in them are found.
        axis: "height" or "width", the axis of time in [N, C, H, W].

    Raises:
        BadConfigError: no such axis.
    """

    def __init__(self, layers: Iterable[nn.Module], axis: str) -> None:
        if axis not in AXES:
            mend = f"use one of {', '.join(AXES)}"
            raise BadConfigError(f"there is no axis {axis!r}", where="dense_time", mend=mend)
        along = AXES.index(axis)
        self._grids: list[tuple[nn.Conv2d, Grid, Grid]] = []
        spread = 1
        for conv in (part for layer in layers for part in layer.modules() if isinstance(part, nn.Conv2d)):
            strided = Grid(_pair(conv.stride), _pair(conv.padding), _pair(conv.dilation))
            self._grids.append((conv, strided, dense_grid(strided, along, spread)))
            spread *= strided.stride[along]

    def use(self, strided: bool) -> None:
        """Set all convolutions to their strided grids, or to the dense ones."""
        for conv, trained, heard in self._grids:
            grid = trained if strided else heard
            conv.stride, conv.padding, conv.dilation = grid.stride, grid.padding, grid.dilation


def dense_grid(grid: Grid, along: int, spread: int) -> Grid:
    """``grid`` without its stride along an axis (0 height, 1 width), behind strides whose product is ``spread``."""
    return Grid(
        _changed(grid.stride, along, 1),
        _changed(grid.padding, along, grid.padding[along] * spread),
        _changed(grid.dilation, along, grid.dilation[along] * spread),
    )


def _changed(pair: Pair, along: int, value: int) -> Pair:
    return (value, pair[1]) if along == 0 else (pair[0], value)


def _pair(value: object) -> Pair:
    if not isinstance(value, tuple) or len(value) != 2:  # a padding named by a string
        raise BadConfigError(f"a convolution with {value!r}", where="dense_time", mend="give its padding as numbers")
    return int(value[0]), int(value[1])
