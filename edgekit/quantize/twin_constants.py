"""Constant sides of the twin's operators: with a scale of their own, or with that of the output."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import SAME_SCALE_OPS
from edgekit.quantize.fake_quant import Grid, Steps, straight


class OwnConstant(nn.Module):
    """A constant side of a sum or a product, as the integer graph stores it.

    Args:
        stored: integers [*dims].
        scale: of them.
        grid: of them.
    """

    values: Tensor
    scale: Tensor

    def __init__(self, stored: np.ndarray, scale: float, grid: Grid) -> None:
        super().__init__()
        # Without the axis of clips: an image's constant would have five, which channels-last memory has no place for.
        self.register_buffer("values", torch.from_numpy(np.asarray(stored, np.float32) - grid.zero_point))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.grid = grid

    def forward(self, scale: Tensor, grid: Grid) -> Steps:
        """The constant for one clip; the output's scale and grid do not matter."""
        return Steps(self.values[None], self.scale, self.grid)


class SharedConstant(nn.Module):
    """A part of a concat: it has the scale of the output, and is rounded again wherever training moves that.

    Args:
        real: float32 [*dims].
    """

    real: Tensor

    def __init__(self, real: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("real", torch.from_numpy(np.array(real, np.float32)))

    def forward(self, scale: Tensor, grid: Grid) -> Steps:
        """The constant for one clip in steps of the output, as :func:`edgekit.quantize.weights.quantize_constant`."""
        ratio = self.real[None].double() / scale.double()
        return Steps(torch.clamp(straight(ratio, torch.round(ratio)), *grid.bounds()).float(), scale, grid)


def constant_side(graph: Graph, node: Node, integer: Graph, made: Node, position: int) -> OwnConstant | SharedConstant:
    """The constant input ``position`` of ``node``, which is ``made`` in the integer graph."""
    if node.op in SAME_SCALE_OPS:
        return SharedConstant(np.asarray(graph.tensor(node.inputs[position]).data))
    stored = integer.tensor(made.inputs[position])
    scale, zero_point = stored.scale_zero()
    return OwnConstant(np.asarray(stored.data), scale, Grid(zero_point, stored.dtype))
